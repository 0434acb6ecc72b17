//! Why a host dropped a packet, as pktmon says it (PKTMON_DROP_REASON of Windows).

/// The reason for a drop. Unknown values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DropReason(pub u32);

impl DropReason {
    /// Set in [`Packet::interface`](super::Packet::interface) of a packet that the host dropped; the other bits are the
    /// reason.
    const MARK: u32 = 1 << 31;

    /// The reason that a packet's interface stands for, if it does.
    #[must_use]
    #[inline]
    pub const fn of_interface(interface: u32) -> Option<Self> {
        if interface & Self::MARK == 0 { None } else { Some(Self(interface & !Self::MARK)) }
    }

    /// What stands for the interface of a packet that was dropped.
    #[must_use]
    pub const fn as_interface(self) -> u32 {
        self.0 | Self::MARK
    }

    /// Its name without the prefix, when it is one that a login is likely to meet.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            3 => "Resources",
            4 => "NotReady",
            5 => "Disconnected",
            8 => "Filtered",
            9 => "FilteredVLAN",
            10 => "UnauthorizedVLAN",
            11 => "UnauthorizedMAC",
            12 => "FailedSecurityPolicy",
            13 => "FailedPvlanSetting",
            14 => "Qos",
            15 => "Ipsec",
            16 => "MacSpoofing",
            20 => "VirtualSubnetId",
            23 => "MTUMismatch",
            30 => "StormLimit",
            33 => "NicDisabled",
            34 => "FailedPacketFilter",
            201 => "Pause",
            202 => "Reset",
            203 => "SendAborted",
            204 => "ProtocolNotBound",
            709 => "MacGuard",
            718 => "PortBlocked",
            719 => "NicSuspended",
            902 => "NL_NotLocallyDestined",
            903 => "NL_ProtocolUnreachable",
            904 => "NL_PortUnreachable",
            905 => "NL_BadLength",
            906 => "NL_MalformedHeader",
            907 => "NL_NoRoute",
            909 => "NL_InspectionDrop",
            911 => "NL_AdministrativelyProhibited",
            912 => "NL_BadChecksum",
            914 => "NL_HopLimitExceeded",
            915 => "NL_AddressUnreachable",
            916 => "NL_RscPacket",
            917 => "NL_ForwardPathMax",
            919 => "NL_InspectionAbsorb",
            920 => "NL_DontFragmentMtuExceeded",
            924 => "NL_IpsecFailure",
            928 => "NL_RoutingFailure",
            945 => "NL_AdministrativelyConfigured",
            949 => "NL_QueueFull",
            950 => "NL_InterfaceDisabled",
            1202 => "INET_HeaderInvalid",
            1203 => "INET_ChecksumInvalid",
            1204 => "INET_EndpointNotFound",
            1206 => "INET_SessionState",
            1207 => "INET_ReceiveInspection",
            1208 => "INET_AckInvalid",
            1209 => "INET_ExpectedSyn",
            1210 => "INET_Rst",
            1211 => "INET_SynRcvdSyn",
            1213 => "INET_PawsFailed",
            1214 => "INET_LandAttack",
            1215 => "INET_MissedReset",
            1216 => "INET_OutsideWindow",
            1217 => "INET_DuplicateSegment",
            1218 => "INET_ClosedWindow",
            1219 => "INET_TcbRemoved",
            1222 => "INET_FinReceived",
            1223 => "INET_ListenerInvalidFlags",
            1224 => "INET_TcbNotInTcbTable",
            1229 => "INET_PauseAccept",
            1230 => "INET_SynAttack",
            1231 => "INET_AcceptInspection",
            1407 => "Ipsec_ClearTextDrop",
            1408 => "Ipsec_AuthFirewallDrop",
            _ => return None,
        })
    }
}

impl std::fmt::Display for DropReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "reason {}", self.0),
        }
    }
}
