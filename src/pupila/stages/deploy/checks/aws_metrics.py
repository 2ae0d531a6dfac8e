"""What AWS itself writes to CloudWatch, as far as alarms of a deployed service use it."""

from collections.abc import Mapping, Sequence

_BALANCER = (("LoadBalancer",), ("AvailabilityZone", "LoadBalancer"))
_TARGETS = (("LoadBalancer", "TargetGroup"), ("AvailabilityZone", "LoadBalancer", "TargetGroup"))
_INSTANCE = (("InstanceId",), ("AutoScalingGroupName",))
_GROUP = (("AutoScalingGroupName",),)

# Namespace -> metric -> the sets of dimensions under which it is written.
# Source: the user guides of Elastic Load Balancing, Amazon EC2, EC2 Auto Scaling and CloudWatch Logs.
AWS_METRICS: Mapping[str, Mapping[str, Sequence[tuple[str, ...]]]] = {
    "AWS/ApplicationELB": {
        "HealthyHostCount": _TARGETS,
        "UnHealthyHostCount": _TARGETS,
        "RequestCount": (*_BALANCER, *_TARGETS),
        "RequestCountPerTarget": (("TargetGroup",), *_TARGETS),
        "TargetResponseTime": (*_BALANCER, *_TARGETS),
        "TargetConnectionErrorCount": (*_BALANCER, *_TARGETS),
        "HTTPCode_ELB_4XX_Count": _BALANCER,
        "HTTPCode_ELB_5XX_Count": _BALANCER,
        "HTTPCode_Target_2XX_Count": (*_BALANCER, *_TARGETS),
        "HTTPCode_Target_4XX_Count": (*_BALANCER, *_TARGETS),
        "HTTPCode_Target_5XX_Count": (*_BALANCER, *_TARGETS),
        "RejectedConnectionCount": _BALANCER,
    },
    "AWS/EC2": dict.fromkeys(
        ("CPUUtilization", "NetworkIn", "NetworkOut", "StatusCheckFailed", "StatusCheckFailed_Instance",
         "StatusCheckFailed_System"),
        _INSTANCE,
    ),
    "AWS/AutoScaling": dict.fromkeys(
        ("GroupDesiredCapacity", "GroupInServiceInstances", "GroupMaxSize", "GroupMinSize", "GroupPendingInstances",
         "GroupTerminatingInstances", "GroupTotalInstances"),
        _GROUP,
    ),
    "AWS/Logs": {
        "EMFParsingErrors": (("LogGroupName",),),
        "EMFValidationErrors": (("LogGroupName",),),
        "IncomingLogEvents": (("LogGroupName",),),
    },
}  # fmt: skip
# Metrics that are written only where there is something to count: without data all is well.
SPARSE = ("HTTPCode_", "RejectedConnectionCount", "TargetConnectionErrorCount", "TargetResponseTime", "EMF")

PREDEFINED_TARGETS = (
    "ASGAverageCPUUtilization",
    "ASGAverageNetworkIn",
    "ASGAverageNetworkOut",
    "ALBRequestCountPerTarget",
)
