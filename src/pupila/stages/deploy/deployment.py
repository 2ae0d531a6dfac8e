"""What is deployed."""

from dataclasses import dataclass

from pupila.artifacts.bundle.schema import BundleInfo


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model under a name, from which all files are rendered."""

    name: str  # of the service: small letters, digits and hyphens, as AWS, Docker and DNS take it
    model: str  # as the service opens it: `registry:s3://...#octagons@production`, `s3://...`; empty: mounted
    sha256: str  # hash of the bundle at the time of rendering
    info: BundleInfo
    version: str  # of Pupila
    metrics_log: str  # JSON lines that a service of this bundle wrote: its metrics in the format of CloudWatch
