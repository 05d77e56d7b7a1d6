"""Components of the link to the back office: OCPPCommCtrlr, DeviceDataCtrlr, ClockCtrlr, MonitoringCtrlr."""

from typing import Final

from firmware.ocpp.variables import VALUE_SIZE, Variable, choice, fixed, number, switch

COMM: Final = "OCPPCommCtrlr"
DATA: Final = "DeviceDataCtrlr"
CLOCK: Final = "ClockCtrlr"
MONITORING: Final = "MonitoringCtrlr"

MAX_ITEMS: Final = 50  # of one GetVariables, SetVariables, GetReport, SetVariableMonitoring, ClearVariableMonitoring
MAX_BYTES: Final = 65_536
TX: Final = "TransactionEvent"

ROWS: Final[tuple[Variable, ...]] = (
    number(COMM, "HeartbeatInterval", 300, low=1, key="HeartbeatInterval", unit="s"),
    number(COMM, "WebSocketPingInterval", 30, key="WebSocketPingInterval", unit="s"),
    number(COMM, "RetryBackOffWaitMinimum", 10, low=1, unit="s"),
    number(COMM, "RetryBackOffRandomRange", 10, unit="s"),
    number(COMM, "RetryBackOffRepeatTimes", 3, high=10),
    number(COMM, "OfflineThreshold", 60, unit="s"),
    number(COMM, "ResetRetries", 1, high=10, key="ResetRetries"),
    number(COMM, "MinimumStatusDuration", 0, high=3600, key="MinimumStatusDuration", unit="s"),
    number(COMM, "MessageAttempts", 5, low=1, high=100, key="TransactionMessageAttempts", of=TX),
    number(
        COMM, "MessageAttemptInterval", 10, low=1, high=3600, key="TransactionMessageRetryInterval", of=TX, unit="s"
    ),
    number(COMM, "MessageTimeout", 30, low=1, high=300, key="MessageTimeout", of="Default", unit="s"),
    # Fixed: what happened is queued always (transactions, meter values, security and monitoring events, the steps of an
    # update); of what merely is (a connector's status) only the present word is worth telling after an outage.
    fixed(COMM, "QueueAllMessages", "boolean", "false"),
    choice(
        COMM,
        "PublicKeyWithSignedMeterValue",
        "Never",
        ("Never", "OncePerTransaction", "EveryMeterValue"),
        key="PublicKeyWithSignedMeterValue",
    ),
    fixed(COMM, "FileTransferProtocols", "MemberList", "", key="SupportedFileTransferProtocols"),
    fixed(COMM, "NetworkConfigurationPriority", "SequenceList", "1"),
    fixed(COMM, "NetworkProfileConnectionAttempts", "integer", "3"),
    fixed(COMM, "ActiveNetworkProfile", "integer", "1"),
    *(fixed(DATA, "ItemsPerMessage", "integer", str(MAX_ITEMS), of=of) for of in ("SetVariables", "GetReport")),
    fixed(DATA, "ItemsPerMessage", "integer", str(MAX_ITEMS), of="GetVariables", key="GetConfigurationMaxKeys"),
    *(
        fixed(DATA, "BytesPerMessage", "integer", str(MAX_BYTES), of=of)
        for of in ("GetVariables", "SetVariables", "GetReport")
    ),
    fixed(DATA, "ConfigurationValueSize", "integer", str(VALUE_SIZE)),
    fixed(DATA, "ReportingValueSize", "integer", "2500"),
    fixed(DATA, "ValueSize", "integer", "2500"),
    # NTP keeps the machine's own clock right; Heartbeat lets the back office correct it.
    Variable(CLOCK, "TimeSource", "SequenceList", "ReadWrite", "Heartbeat", values=("Heartbeat", "NTP"), minimum=1),
    number(CLOCK, "TimeAdjustmentReportingThreshold", 20, low=1, unit="s"),
    fixed(MONITORING, "Available", "boolean", "true"),
    switch(MONITORING, "Enabled", True),
    *(
        fixed(MONITORING, "ItemsPerMessage", "integer", str(MAX_ITEMS), of=of)
        for of in ("SetVariableMonitoring", "ClearVariableMonitoring")
    ),
    *(
        fixed(MONITORING, "BytesPerMessage", "integer", str(MAX_BYTES), of=of)
        for of in ("SetVariableMonitoring", "ClearVariableMonitoring")
    ),
    number(MONITORING, "OfflineQueuingSeverity", 4, high=9),
)
