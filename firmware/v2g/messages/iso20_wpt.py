"""ISO 15118-20:2022, the messages of wireless power transfer (V2G_CI_WPT): positioning, pairing, alignment, loop."""

from enum import StrEnum
from typing import Annotated

from firmware.v2g.messages.declare import Namespace, Octets, Record, Text, element
from firmware.v2g.messages.iso20_types import (
    ChargeLoopReq,
    ChargeLoopRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    Identifier,
    NumericId,
    Processing,
    RationalNumber,
    Short,
    UnsignedByte,
    UnsignedShort,
    V2gRequest,
    V2gResponse,
)

WPT = Namespace("urn:iso:std:iso:15118:-20:WPT", "wpt", qualified_attributes=True)

Bssid = Annotated[str, Text(max_length=12)]
IpAddress = Annotated[str, Text(max_length=39)]
WptDataContainer = Annotated[bytes, Octets(max_length=256)]


class WptFinePositioningMethod(StrEnum):
    Manual = "Manual"
    LF_TxEV = "LF_TxEV"
    LF_TxPrimaryDevice = "LF_TxPrimaryDevice"
    LPE = "LPE"
    Proprietary = "Proprietary"


class WptPairingMethod(StrEnum):
    External_confirmation = "External confirmation"
    LPE = "LPE"
    LF_TxEV = "LF_TxEV"
    LF_TxPrimaryDevice = "LF_TxPrimaryDevice"
    Optical = "Optical"
    Proprietary = "Proprietary"


class WptAlignmentCheckMethod(StrEnum):
    PowerCheck = "PowerCheck"
    LPE = "LPE"
    Proprietary = "Proprietary"


class WptEvpcChargeDiagnostics(StrEnum):
    EVPCNoIssue = "EVPCNoIssue"
    EVPCTempOverheatDetected = "EVPCTempOverheatDetected"
    EVPCPowerTransferAnomalyDetected = "EVPCPowerTransferAnomalyDetected"
    EVPCAnomalyDetected = "EVPCAnomalyDetected"


class WptSpcChargeDiagnostics(StrEnum):
    SPCNoIssue = "SPCNoIssue"
    SPCFODDetected = "SPCFODDetected"
    SPCLOPDetected = "SPCLOPDetected"
    SPCTempOverheatDetected = "SPCTempOverheatDetected"
    SPCPowerTransferAnomalyDetected = "SPCPowerTransferAnomalyDetected"
    SPCAnomalyDetected = "SPCAnomalyDetected"


class WptPowerClass(StrEnum):
    MF_WPT1 = "MF-WPT1"
    MF_WPT2 = "MF-WPT2"
    MF_WPT3 = "MF-WPT3"
    MF_WPT4 = "MF-WPT4"


class WptEvResult(StrEnum):
    EVResultUnknown = "EVResultUnknown"
    EVResultSuccess = "EVResultSuccess"
    EVResultFailed = "EVResultFailed"


class WptFinePositioningMethodList(Record, namespace=WPT, transparent=True):
    wpt_fine_positioning_method: tuple[WptFinePositioningMethod, ...] = element(
        "WPT_FinePositioningMethod", max_occurs=8
    )


class WptPairingMethodList(Record, namespace=WPT, transparent=True):
    wpt_pairing_method: tuple[WptPairingMethod, ...] = element("WPT_PairingMethod", max_occurs=8)


class WptAlignmentCheckMethodList(Record, namespace=WPT, transparent=True):
    wpt_alignment_check_method: tuple[WptAlignmentCheckMethod, ...] = element("WPT_AlignmentCheckMethod", max_occurs=8)


class WptEvpcPowerControlParameter(Record, namespace=WPT):
    evpc_coil_current_request: RationalNumber = element("EVPCCoilCurrentRequest")
    evpc_coil_current_information: RationalNumber = element("EVPCCoilCurrentInformation")
    evpc_current_output_information: RationalNumber = element("EVPCCurrentOutputInformation")
    evpc_voltage_output_information: RationalNumber = element("EVPCVoltageOutputInformation")


class WptSpcPowerControlParameter(Record, namespace=WPT):
    spc_primary_device_coil_current_information: RationalNumber = element("SPCPrimaryDeviceCoilCurrentInformation")


class WptCoordinateXyz(Record, namespace=WPT):
    coord_x: Short = element("Coord_X")
    coord_y: Short = element("Coord_Y")
    coord_z: Short = element("Coord_Z")


class WptTxRxSpecData(Record, namespace=WPT):
    tx_rx_identifier: NumericId = element("TxRxIdentifier")
    tx_rx_position: WptCoordinateXyz = element("TxRxPosition")
    tx_rx_orientation: WptCoordinateXyz = element("TxRxOrientation")


class WptTxRxPulseOrder(Record, namespace=WPT):
    index_number: UnsignedShort = element("IndexNumber")
    tx_rx_identifier: NumericId = element("TxRxIdentifier")


class WptTxRxPackageSpecData(Record, namespace=WPT):
    pulse_sequence_order: tuple[WptTxRxPulseOrder, ...] = element("PulseSequenceOrder", min_occurs=2, max_occurs=255)
    pulse_separation_time: UnsignedShort = element("PulseSeparationTime")
    pulse_duration: UnsignedShort = element("PulseDuration")
    package_separation_time: UnsignedShort = element("PackageSeparationTime")


class WptLfTransmitterData(Record, namespace=WPT):
    number_of_transmitters: UnsignedByte = element("NumberOfTransmitters")
    signal_frequency: RationalNumber = element("SignalFrequency")
    tx_spec_data: tuple[WptTxRxSpecData, ...] = element("TxSpecData", min_occurs=2, max_occurs=255)
    tx_package_spec_data: WptTxRxPackageSpecData | None = element("TxPackageSpecData", default=None)


class WptLfReceiverData(Record, namespace=WPT):
    number_of_receivers: UnsignedByte = element("NumberOfReceivers")
    rx_spec_data: tuple[WptTxRxSpecData, ...] = element("RxSpecData", min_occurs=2, max_occurs=255)


class WptLfSystemSetupData(Record, namespace=WPT):
    lf_transmitter_setup_data: WptLfTransmitterData | None = element(
        "LF_TransmitterSetupData", default=None, choice="side"
    )
    lf_receiver_setup_data: WptLfReceiverData | None = element("LF_ReceiverSetupData", default=None, choice="side")


class WptLfTxData(Record, namespace=WPT):
    tx_identifier: NumericId = element("TxIdentifier")
    eirp: RationalNumber = element("EIRP")


class WptLfTxDataList(Record, namespace=WPT):
    wpt_lf_tx_data_list: WptLfTxData = element("WPT_LF_TxDataList")


class WptLfRxRssi(Record, namespace=WPT):
    tx_identifier: NumericId = element("TxIdentifier")
    rssi: RationalNumber = element("RSSI")


class WptLfRxRssiList(Record, namespace=WPT):
    rssi_data_list: WptLfRxRssi = element("RSSIDataList")


class WptLfRxData(Record, namespace=WPT):
    rx_identifier: NumericId = element("RxIdentifier")
    rssi_data: WptLfRxRssiList = element("RSSIData")


class WptLfRxDataList(Record, namespace=WPT):
    wpt_lf_rx_data_list: WptLfRxData = element("WPT_LF_RxDataList")


class WptLfDataPackage(Record, namespace=WPT):
    package_index: UnsignedByte = element("PackageIndex")
    lf_tx_data: WptLfTxDataList | None = element("LF_TxData", default=None, choice="side")
    lf_rx_data: WptLfRxDataList | None = element("LF_RxData", default=None, choice="side")


class WptLfDataPackageList(Record, namespace=WPT):
    num_packages: UnsignedByte = element("NumPackages")
    wpt_lf_data_package: WptLfDataPackage = element("WPT_LF_DataPackage")


class AlternativeSecc(Record, namespace=WPT):
    ssid: Identifier | None = element("SSID", default=None)
    bssid: Bssid | None = element("BSSID", default=None)
    ip_address: IpAddress | None = element("IPAddress", default=None)
    port: UnsignedShort | None = element("Port", default=None)


class AlternativeSeccList(Record, namespace=WPT, transparent=True):
    alternative_secc: tuple[AlternativeSecc, ...] = element("AlternativeSECC", max_occurs=8)


class WptFinePositioningSetupRes(V2gResponse, namespace=WPT, element="WPT_FinePositioningSetupRes"):
    primary_device_fine_positioning_method_list: tuple[WptFinePositioningMethod, ...] = element(
        "PrimaryDeviceFinePositioningMethodList", through=WptFinePositioningMethodList
    )
    primary_device_pairing_method_list: tuple[WptPairingMethod, ...] = element(
        "PrimaryDevicePairingMethodList", through=WptPairingMethodList
    )
    primary_device_alignment_check_method_list: tuple[WptAlignmentCheckMethod, ...] = element(
        "PrimaryDeviceAlignmentCheckMethodList", through=WptAlignmentCheckMethodList
    )
    natural_offset: UnsignedShort = element("NaturalOffset")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )
    lf_system_setup_data: WptLfSystemSetupData | None = element("LF_SystemSetupData", default=None)


class WptFinePositioningSetupReq(
    V2gRequest, namespace=WPT, element="WPT_FinePositioningSetupReq", answered_by=WptFinePositioningSetupRes
):
    ev_processing: Processing = element("EVProcessing")
    ev_device_fine_positioning_method_list: tuple[WptFinePositioningMethod, ...] = element(
        "EVDeviceFinePositioningMethodList", through=WptFinePositioningMethodList
    )
    ev_device_pairing_method_list: tuple[WptPairingMethod, ...] = element(
        "EVDevicePairingMethodList", through=WptPairingMethodList
    )
    ev_device_alignment_check_method_list: tuple[WptAlignmentCheckMethod, ...] = element(
        "EVDeviceAlignmentCheckMethodList", through=WptAlignmentCheckMethodList
    )
    natural_offset: UnsignedShort = element("NaturalOffset")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )
    lf_system_setup_data: WptLfSystemSetupData | None = element("LF_SystemSetupData", default=None)


class WptFinePositioningRes(V2gResponse, namespace=WPT, element="WPT_FinePositioningRes"):
    evse_processing: Processing = element("EVSEProcessing")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )
    wpt_lf_data_package_list: WptLfDataPackageList | None = element("WPT_LF_DataPackageList", default=None)


class WptFinePositioningReq(
    V2gRequest, namespace=WPT, element="WPT_FinePositioningReq", answered_by=WptFinePositioningRes
):
    ev_processing: Processing = element("EVProcessing")
    ev_result_code: WptEvResult = element("EVResultCode")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )
    wpt_lf_data_package_list: WptLfDataPackageList | None = element("WPT_LF_DataPackageList", default=None)


class WptPairingRes(V2gResponse, namespace=WPT, element="WPT_PairingRes"):
    evse_processing: Processing = element("EVSEProcessing")
    observed_id_code: NumericId | None = element("ObservedIDCode", default=None)
    alternative_secc_list: tuple[AlternativeSecc, ...] | None = element(
        "AlternativeSECCList", default=None, through=AlternativeSeccList
    )
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptPairingReq(V2gRequest, namespace=WPT, element="WPT_PairingReq", answered_by=WptPairingRes):
    ev_processing: Processing = element("EVProcessing")
    observed_id_code: NumericId | None = element("ObservedIDCode", default=None)
    ev_result_code: WptEvResult = element("EVResultCode")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptChargeParameterDiscoveryRes(
    ChargeParameterDiscoveryRes, namespace=WPT, element="WPT_ChargeParameterDiscoveryRes"
):
    pd_input_power_class: WptPowerClass = element("PDInputPowerClass")
    sd_min_output_power: RationalNumber = element("SDMinOutputPower")
    sd_max_output_power: RationalNumber = element("SDMaxOutputPower")
    sd_max_ground_clearance_support: UnsignedShort = element("SDMaxGroundClearanceSupport")
    sd_min_ground_clearance_support: UnsignedShort = element("SDMinGroundClearanceSupport")
    pd_min_coil_current: RationalNumber = element("PDMinCoilCurrent")
    pd_max_coil_current: RationalNumber = element("PDMaxCoilCurrent")
    sd_manufacturer_specific_data_container: tuple[WptDataContainer, ...] = element(
        "SDManufacturerSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptChargeParameterDiscoveryReq(
    ChargeParameterDiscoveryReq,
    namespace=WPT,
    element="WPT_ChargeParameterDiscoveryReq",
    answered_by=WptChargeParameterDiscoveryRes,
):
    evpc_max_receivable_power: RationalNumber = element("EVPCMaxReceivablePower")
    sd_max_ground_clearence: UnsignedShort = element("SDMaxGroundClearence")
    sd_min_ground_clearence: UnsignedShort = element("SDMinGroundClearence")
    evpc_natural_frequency: RationalNumber = element("EVPCNaturalFrequency")
    evpc_device_local_control: bool = element("EVPCDeviceLocalControl")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptAlignmentCheckRes(V2gResponse, namespace=WPT, element="WPT_AlignmentCheckRes"):
    evse_processing: Processing = element("EVSEProcessing")
    power_transmitted: RationalNumber | None = element("PowerTransmitted", default=None)
    supply_device_current: RationalNumber | None = element("SupplyDeviceCurrent", default=None)
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptAlignmentCheckReq(
    V2gRequest, namespace=WPT, element="WPT_AlignmentCheckReq", answered_by=WptAlignmentCheckRes
):
    ev_processing: Processing = element("EVProcessing")
    target_coil_current: RationalNumber | None = element("TargetCoilCurrent", default=None)
    ev_result_code: WptEvResult = element("EVResultCode")
    vendor_specific_data_container: tuple[WptDataContainer, ...] = element(
        "VendorSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptChargeLoopRes(ChargeLoopRes, namespace=WPT, element="WPT_ChargeLoopRes"):
    evpc_power_request: RationalNumber = element("EVPCPowerRequest")
    sd_power_input: RationalNumber | None = element("SDPowerInput", default=None)
    spc_max_output_power_limit: RationalNumber = element("SPCMaxOutputPowerLimit")
    spc_min_output_power_limit: RationalNumber = element("SPCMinOutputPowerLimit")
    spc_charge_diagnostics: WptSpcChargeDiagnostics = element("SPCChargeDiagnostics")
    spc_operating_frequency: RationalNumber | None = element("SPCOperatingFrequency", default=None)
    spc_power_control_parameter: WptSpcPowerControlParameter | None = element("SPCPowerControlParameter", default=None)
    manufacturer_specific_data_container: tuple[WptDataContainer, ...] = element(
        "ManufacturerSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )


class WptChargeLoopReq(ChargeLoopReq, namespace=WPT, element="WPT_ChargeLoopReq", answered_by=WptChargeLoopRes):
    evpc_power_request: RationalNumber = element("EVPCPowerRequest")
    evpc_power_output: RationalNumber = element("EVPCPowerOutput")
    evpc_charge_diagnostics: WptEvpcChargeDiagnostics = element("EVPCChargeDiagnostics")
    evpc_operating_frequency: RationalNumber | None = element("EVPCOperatingFrequency", default=None)
    evpc_power_control_parameter: WptEvpcPowerControlParameter | None = element(
        "EVPCPowerControlParameter", default=None
    )
    manufacturer_specific_data_container: tuple[WptDataContainer, ...] = element(
        "ManufacturerSpecificDataContainer", default=(), min_occurs=0, max_occurs=16
    )
