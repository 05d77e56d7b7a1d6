"""The configuration a back office sees: components and variables of OCPP 2.x with their characteristics, one table.

1.6 knows the same values as keys (`key`), 2.x by component and variable (2.0.1 part 1 ch. 4, part 2 ch. 2). Where the
values are kept is `device_model`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

DataType = Literal["string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList"]
Access = Literal["ReadOnly", "WriteOnly", "ReadWrite"]

MEASURANDS: Final = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "SoC",
)
_USUAL_MEASURANDS: Final = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"
VALUE_SIZE: Final = 500  # ConfigurationValueSize; a 1.6 key holds no more either


@dataclass(frozen=True)
class Variable:
    """One row. `evse` and `connector` are part of the identity; `read` overrides what is stored."""

    component: str
    name: str
    kind: DataType
    access: Access
    default: str = ""
    instance: str = ""
    key: str = ""  # the 1.6 key, "" where 1.6 has none
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    unit: str = ""
    evse: int | None = None
    connector: int | None = None
    reboot: bool = False  # takes effect after a restart
    read: Callable[[], str] | None = field(default=None, compare=False)

    @property
    def stored_as(self) -> str:
        return f"{self.component}.{self.name}" + (f"[{self.instance}]" if self.instance else "")

    def refuses(self, text: str) -> str:
        """Why `text` is no value of this variable; "" when it is one (2.0.1 part 2, B05)."""
        if len(text) > VALUE_SIZE:
            return f"longer than {VALUE_SIZE} characters"
        match self.kind:
            case "integer" | "decimal":
                return self._refuses_number(text)
            case "boolean":
                return "" if text.lower() in {"true", "false"} else "neither true nor false"
            case "OptionList":
                return "" if text in self.values else "none of " + ",".join(self.values)
            case "MemberList" | "SequenceList":
                members = [each.strip() for each in text.split(",") if each.strip()]
                unknown = [each for each in members if self.values and each not in self.values]
                if len(set(members)) < len(members):
                    return "a member twice"
                return f"unknown: {','.join(unknown)}" if unknown else ""
        return ""

    def _refuses_number(self, text: str) -> str:
        try:
            number = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            return "no number"
        if set(text) - set("0123456789.-"):  # no plus, blanks, underscores, exponents, infinities
            return "no plain number"
        if self.minimum is not None and number < self.minimum:
            return f"below {self.minimum:g}"
        if self.maximum is not None and number > self.maximum:
            return f"above {self.maximum:g}"
        return ""


def _number(component: str, name: str, default: int, *, low: int, high: int, key: str = "", of: str = "") -> Variable:
    return Variable(component, name, "integer", "ReadWrite", str(default), of, key, low, high)


def _switch(component: str, name: str, default: bool, *, key: str = "", access: Access = "ReadWrite") -> Variable:
    return Variable(component, name, "boolean", access, "true" if default else "false", key=key)


def fixed(component: str, name: str, kind: DataType, value: str, *, key: str = "", of: str = "") -> Variable:
    """A row that nobody can change: what this station is or does."""
    return Variable(component, name, kind, "ReadOnly", value, of, key)


def _measurands(component: str, name: str, default: str, *, key: str = "", access: Access = "ReadWrite") -> Variable:
    return Variable(component, name, "MemberList", access, default, "", key, maximum=len(MEASURANDS), values=MEASURANDS)


DAY: Final = 86_400
# Read-only rows say honestly what cannot be changed here.
TABLE: Final[tuple[Variable, ...]] = (
    _number("OCPPCommCtrlr", "HeartbeatInterval", 300, low=1, high=DAY, key="HeartbeatInterval"),
    _number("OCPPCommCtrlr", "WebSocketPingInterval", 30, low=0, high=DAY, key="WebSocketPingInterval"),
    _number("OCPPCommCtrlr", "RetryBackOffWaitMinimum", 10, low=1, high=DAY),
    _number("OCPPCommCtrlr", "RetryBackOffRandomRange", 10, low=0, high=DAY),
    _number("OCPPCommCtrlr", "RetryBackOffRepeatTimes", 3, low=0, high=10),
    _number("OCPPCommCtrlr", "OfflineThreshold", 60, low=0, high=DAY),
    _number("OCPPCommCtrlr", "ResetRetries", 1, low=0, high=10, key="ResetRetries"),
    _number("OCPPCommCtrlr", "MinimumStatusDuration", 0, low=0, high=3600, key="MinimumStatusDuration"),
    _number(
        "OCPPCommCtrlr", "MessageAttempts", 5, low=1, high=100, key="TransactionMessageAttempts", of="TransactionEvent"
    ),
    _number(
        "OCPPCommCtrlr",
        "MessageAttemptInterval",
        10,
        low=1,
        high=3600,
        key="TransactionMessageRetryInterval",
        of="TransactionEvent",
    ),
    _number("OCPPCommCtrlr", "MessageTimeout", 30, low=1, high=300, key="MessageTimeout", of="Default"),
    fixed("OCPPCommCtrlr", "FileTransferProtocols", "MemberList", ""),
    fixed("OCPPCommCtrlr", "NetworkConfigurationPriority", "SequenceList", "1"),
    fixed("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "integer", "3"),
    fixed("OCPPCommCtrlr", "QueueAllMessages", "boolean", "false"),
    fixed("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", "boolean", "true", key="UnlockConnectorOnEVSideDisconnect"),
    _number("TxCtrlr", "EVConnectionTimeOut", 60, low=1, high=3600, key="ConnectionTimeOut"),
    _switch("TxCtrlr", "StopTxOnInvalidId", True, key="StopTransactionOnInvalidId"),
    fixed("TxCtrlr", "StopTxOnEVSideDisconnect", "boolean", "true", key="StopTransactionOnEVSideDisconnect"),
    fixed("TxCtrlr", "TxStartPoint", "MemberList", "PowerPathClosed"),
    fixed("TxCtrlr", "TxStopPoint", "MemberList", "EVConnected,Authorized"),
    _switch("AuthCtrlr", "AuthorizeRemoteStart", False, key="AuthorizeRemoteTxRequests"),
    _switch("AuthCtrlr", "LocalPreAuthorize", False, key="LocalPreAuthorize"),
    _switch("AuthCtrlr", "LocalAuthorizeOffline", True, key="LocalAuthorizeOffline"),
    _switch("AuthCtrlr", "OfflineTxForUnknownIdEnabled", False, key="AllowOfflineTxForUnknownId"),
    _switch("AuthCacheCtrlr", "Enabled", True, key="AuthorizationCacheEnabled"),
    fixed("AuthCacheCtrlr", "Available", "boolean", "true"),
    _number("SampledDataCtrlr", "TxUpdatedInterval", 60, low=0, high=DAY, key="MeterValueSampleInterval"),
    _measurands("SampledDataCtrlr", "TxUpdatedMeasurands", _USUAL_MEASURANDS, key="MeterValuesSampledData"),
    _measurands("SampledDataCtrlr", "TxStartedMeasurands", "Energy.Active.Import.Register"),
    _measurands("SampledDataCtrlr", "TxEndedMeasurands", "Energy.Active.Import.Register", key="StopTxnSampledData"),
    fixed("SampledDataCtrlr", "TxEndedInterval", "integer", "0"),
    fixed("AlignedDataCtrlr", "Interval", "integer", "0", key="ClockAlignedDataInterval"),
    fixed("AlignedDataCtrlr", "TxEndedInterval", "integer", "0"),
    _measurands("AlignedDataCtrlr", "Measurands", "Energy.Active.Import.Register", key="MeterValuesAlignedData"),
    _measurands("AlignedDataCtrlr", "TxEndedMeasurands", "", key="StopTxnAlignedData", access="ReadOnly"),
    fixed("ClockCtrlr", "TimeSource", "SequenceList", "Heartbeat"),
    _number("ClockCtrlr", "TimeAdjustmentReportingThreshold", 20, low=1, high=DAY),
    fixed("DeviceDataCtrlr", "ItemsPerMessage", "integer", "50", key="GetConfigurationMaxKeys", of="GetVariables"),
    fixed("DeviceDataCtrlr", "ItemsPerMessage", "integer", "50", of="SetVariables"),
    fixed("DeviceDataCtrlr", "ItemsPerMessage", "integer", "50", of="GetReport"),
    fixed("DeviceDataCtrlr", "BytesPerMessage", "integer", "65536", of="GetVariables"),
    fixed("DeviceDataCtrlr", "BytesPerMessage", "integer", "65536", of="SetVariables"),
    fixed("DeviceDataCtrlr", "BytesPerMessage", "integer", "65536", of="GetReport"),
    fixed("DeviceDataCtrlr", "ConfigurationValueSize", "integer", str(VALUE_SIZE)),
    _switch("ISO15118Ctrlr", "PnCEnabled", True, key="ISO15118PnCEnabled"),
    _switch("ISO15118Ctrlr", "CentralContractValidationAllowed", True, key="CentralContractValidationAllowed"),
    _switch("ISO15118Ctrlr", "ContractValidationOffline", True, key="ContractValidationOffline"),
    _switch("ISO15118Ctrlr", "ContractCertificateInstallationEnabled", True),
    fixed("SecurityCtrlr", "OrganizationName", "string", "Pilotline", key="CpoName"),
    fixed("SecurityCtrlr", "CertificateEntries", "integer", "0"),
)
