"""Components of trust: SecurityCtrlr, ISO15118Ctrlr."""

from typing import Final

from firmware.ocpp.variables import Variable, fixed, switch, text

CTRL: Final = "SecurityCtrlr"
CAR: Final = "ISO15118Ctrlr"

ROWS: Final[tuple[Variable, ...]] = (
    text(CTRL, "OrganizationName", "Pilotline", longest=64, key="CpoName"),
    fixed(CTRL, "CertificateEntries", "integer", "0"),
    switch(CAR, "PnCEnabled", True, key="ISO15118PnCEnabled"),
    switch(CAR, "CentralContractValidationAllowed", True, key="CentralContractValidationAllowed"),
    switch(CAR, "ContractValidationOffline", True, key="ContractValidationOffline"),
    switch(CAR, "ContractCertificateInstallationEnabled", True),
    fixed(CAR, "MaxScheduleEntries", "integer", "1024"),
)
