"""Whether the ONNX files of a bundle belong to its `bundle.json`: their outputs, and what they say of themselves."""

from collections.abc import Mapping
from functools import partial

from pupila.artifacts.bundle.folder import Bundle
from pupila.artifacts.bundle.golden import check_golden
from pupila.artifacts.bundle.info_file import INFO_FILE, ascii_text
from pupila.artifacts.bundle.memory import limit_growth
from pupila.artifacts.bundle.outputs import LOGITS
from pupila.artifacts.bundle.parts import onnx_file
from pupila.artifacts.bundle.runtimes import ONNX_RUNTIME, InferenceRuntime, check_parity
from pupila.artifacts.bundle.session import ModelSession, Session
from pupila.core.errors import PupilaError
from pupila.core.messages import say
from pupila.tasks import TASKS

_MODEL = "model"  # the role of a task's only file
_REPEATED = ("task", "classes")  # fields of `bundle.json` that each exported file has, too


def open_sessions(
    bundle: Bundle, threads: int | None, runtime: InferenceRuntime = ONNX_RUNTIME
) -> Mapping[str, ModelSession]:
    """The sessions of a bundle by role, after its golden predictions were checked.

    Args:
        bundle: from `read_bundle`.
        threads: for one run; None: one per core.
        runtime: of the sessions; the model is checked with ONNX Runtime first, whatever runs it then.

    Raises:
        PupilaError: a model that is not the one of `bundle.json`, or whose prediction for a golden image differs; or
            another runtime that predicts otherwise than ONNX Runtime.
    """
    contents = {role: bundle.read(onnx_file(role)) for role in TASKS[bundle.info.task].roles}
    with limit_growth(sum(map(len, contents.values()))):
        sessions = {role: Session(content, threads) for role, content in contents.items()}
        for role, session in sessions.items():
            _check_session(bundle, role, session)
        check_golden(bundle, {role: partial(session.run, bounded=True) for role, session in sessions.items()})
    if runtime is ONNX_RUNTIME:
        return sessions
    others = {role: runtime.open(content, threads) for role, content in contents.items()}
    check_parity(bundle, runtime, {role: other.run for role, other in others.items()},
                 {role: session.run for role, session in sessions.items()})  # fmt: skip
    return others


def _check_session(bundle: Bundle, role: str, session: Session) -> None:
    """Refuse a model with other outputs, or with another task or other classes than `bundle.json` has.

    Raises:
        PupilaError: the field, and both values.
    """
    name = onnx_file(role)
    if role == _MODEL and session.outputs[0] != LOGITS:
        raise PupilaError(
            say("{name} has other outputs than a model of Pupila", name=name), actual=ascii(session.outputs)[:200],
            expected=say("'{name}' first", name=LOGITS), remedy=say("copy the bundle again, or retrain"),
        )  # fmt: skip
    metadata = session.metadata()
    for field in _REPEATED:
        ours = getattr(bundle.info, field)
        if field in metadata and metadata[field] != ours:
            raise PupilaError(
                say("{name} and {info} disagree about {field}", name=name, info=INFO_FILE, field=f"'{field}'"),
                actual=ascii_text(str(metadata[field])), expected=ascii_text(str(ours)),
                remedy=say("copy the bundle again, or retrain"),
            )  # fmt: skip
