# SPDX-License-Identifier: Apache-2.0
"""What an operator lets others do and hear: PLMA and ONC (SGP.02 v4.2 3.20, 3.21). Their spellings are (U)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from smsr.api.limits import ProfileType
from smsr.kit.oid import Oid

__all__ = ["NotificationType", "Onc", "PlmaOperation", "Plma"]


@unique
class NotificationType(StrEnum):
    """A notification that can be granted, or discarded."""

    PROFILE_ENABLED = "HandleProfileEnabledNotification"
    PROFILE_DISABLED = "HandleProfileDisabledNotification"
    PROFILE_DELETED = "HandleProfileDeletedNotification"
    PROFILE_DOWNLOADED = "HandleProfileDownloadedNotification"
    POL2_UPDATED = "HandleProfilePOL2UpdatedNotification"
    PLMA_SETTING = "HandlePLMASettingNotification"
    EMERGENCY_ATTRIBUTE_SET = "HandleEmergencyProfileAttributeSetNotification"
    EMERGENCY_ATTRIBUTE_UNSET = "HandleEmergencyProfileAttributeUnsetNotification"
    FALL_BACK_ATTRIBUTE_SET = "HandleFallBackAttributeSetNotification"
    FALL_BACK_ATTRIBUTE_UNSET = "HandleFallBackAttributeUnsetNotification"


@unique
class PlmaOperation(StrEnum):
    """A function that can be granted. Managing POL2 is not among them: it stays with the operator."""

    GET_EIS = "GetEIS"
    AUDIT_EIS = "AuditEIS"
    ENABLE_PROFILE = "EnableProfile"
    DISABLE_PROFILE = "DisableProfile"
    DELETE_PROFILE = "DeleteProfile"
    UPDATE_SUBSCRIPTION_ADDRESS = "UpdateSubscriptionAddress"
    SET_FALL_BACK_ATTRIBUTE = "SetFallBackAttribute"
    SET_EMERGENCY_PROFILE_ATTRIBUTE = "SetEmergencyProfileAttribute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plma:
    """Profile Lifecycle Management Authorisation: what an M2M SP may do with the operator's profiles of one type."""

    mno_id: Oid
    m2m_sp_id: Oid
    profile_type: ProfileType
    operations: tuple[PlmaOperation, ...] = ()
    notifications: tuple[NotificationType, ...] = ()

    @property
    def subject(self) -> tuple[str, str, str]:
        """What it is for: another one for the same takes its place."""
        return self.mno_id, self.m2m_sp_id, self.profile_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Onc:
    """Operator Notifications Configuration: which notifications about profiles of one type are not sent."""

    mno_id: Oid
    profile_type: ProfileType
    discarded: tuple[NotificationType, ...] = ()

    @property
    def subject(self) -> tuple[str, str]:
        """What it is for: another one for the same takes its place."""
        return self.mno_id, self.profile_type
