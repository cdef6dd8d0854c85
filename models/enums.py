"""The fixed vocabularies of the tables. Values are stored in the database and shown to users."""

import enum


class Role(enum.StrEnum):
    ADMIN = "admin"
    MANAGER = "manager"
    AGENT = "agent"
    PARTNER = "partner"
    CUSTOMER = "customer"


class PortalPermission(enum.StrEnum):
    DENY_ALL = "deny all"
    DASHBOARD = "dashboard"
    CONTRACTS = "contracts"
    INVOICES = "invoices"
    BILL_DOWNLOADS = "bill downloads"
    PAYMENTS = "payments"
    NUMBERS_AND_USAGE = "numbers and usage"
    DOCUMENTS = "documents"
    CASES = "cases"


class ApprovalPolicy(enum.StrEnum):
    PARTNER = "partner"
    ALL = "all"


class DateFormat(enum.StrEnum):
    DAY_MONTH_YEAR = "31/01/2026"
    DAY_DOT_MONTH = "31.01.2026"
    MONTH_DAY_YEAR = "01/31/2026"
    ISO = "2026-01-31"
    SPOKEN = "31 Jan 2026"


class ListSeparator(enum.StrEnum):
    """What stands between the cells of a CSV file."""

    COMMA = "comma"
    SEMICOLON = "semicolon"

    @property
    def character(self) -> str:
        return {ListSeparator.COMMA: ",", ListSeparator.SEMICOLON: ";"}[self]


class CatalogType(enum.StrEnum):
    REGION = "region"
    SEGMENT = "segment"
    CHANNEL = "acquisition channel"
    CATEGORY = "category"
    SUBSCRIPTION_TYPE = "subscription type"
    ACCOUNT_TYPE = "account type"
    STATUS_REASON = "status reason"
    CHARGE_TYPE = "AR charge type"
    ALERT_TYPE = "alert type"


class StatusBehaviour(enum.StrEnum):
    """What billing does with a customer in a status."""

    BILL = "bill"
    ACCRUE = "accrue"
    FINAL = "final"
    NONE = "none"


BEHAVIOUR_LABELS = {
    StatusBehaviour.BILL: "Billed as usual",
    StatusBehaviour.ACCRUE: "Accrues, not invoiced",
    StatusBehaviour.FINAL: "Final invoice, then dropped",
    StatusBehaviour.NONE: "Never billed",
}


class TemplatePurpose(enum.StrEnum):
    REVIEW = "review due"
    COMPLIANCE = "compliance document"
    WELCOME = "set password"
    RESET = "reset password"


class ProductKind(enum.StrEnum):
    NUMBER = "number"
    FEATURE = "feature"


class Frequency(enum.StrEnum):
    ONE_OFF = "one-off"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class CustomerKind(enum.StrEnum):
    CONSUMER = "consumer"
    COMPANY = "company"


class CustomerType(enum.StrEnum):
    MISCELLANEOUS = "miscellaneous"
    SOLE_PROPRIETORSHIP = "sole proprietorship"
    STATUTORY_BOARD = "statutory board/ministry"
    PARTNERSHIP = "partnership"
    LLP = "LLP"
    PRIVATE_LIMITED = "private limited"
    PUBLIC_LIMITED = "public limited"
    LLC = "limited liability corporation"
    REGISTERED_FOREIGN = "registered foreign corporation"
    FOREIGN_COMPANY = "foreign company"
    CO_OPERATIVE = "co-operative society"


class Risk(enum.StrEnum):
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class Stage(enum.StrEnum):
    NEW = "New"
    PASSED = "Passed Credit Ref"
    REFERRED = "Referred"
    FAILED = "Failed Credit Ref"
    BILLING = "Billing"


STAGE_LABELS = {
    Stage.PASSED: "Credit check passed",
    Stage.FAILED: "Credit check failed",
    Stage.BILLING: "Live",
}


class TaskKind(enum.StrEnum):
    """What an approval task decides."""

    ONBOARDING = "onboarding"
    RECHECK = "re-check"
    PARTICULARS = "particulars update"
    BLACKLIST = "blacklist"
    REMOVAL = "blacklist removal"


class TaskState(enum.StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class TaskAssignment(enum.StrEnum):
    """Who gets a new approval task."""

    BY_HAND = "nobody, until it is assigned or claimed"
    IN_TURN = "agents by turns"
    LEAST_OPEN = "the agent with the fewest open tasks"


class Severity(enum.StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertRule(enum.StrEnum):
    """What raises an alert by itself, and closes it when it no longer holds."""

    CREDIT_LIMIT = "credit limit passed"
    DOCUMENT = "document expired"
    REVIEW = "review overdue"
    BLACKLISTED = "blacklisted"


class AddressKind(enum.StrEnum):
    MAILING = "mailing"
    CORRESPONDENCE = "correspondence"
    REGISTERED = "registered"


class ContactRole(enum.StrEnum):
    MANAGER = "manager"
    TECHNICAL = "technical"
    ACCOUNTING = "accounting"
    GENERAL = "general"


class CorrespondenceMode(enum.StrEnum):
    EMAIL = "email"
    POST = "post"
    PHONE = "phone"
    SMS = "SMS"


class BillingCycle(enum.StrEnum):
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    MANUAL = "manual"


class EmptyOrLow(enum.StrEnum):
    """What a billing run does with an invoice that is empty or below the minimum."""

    CREATE = "create anyway"
    ROLL_FORWARD = "roll forward"
    CHARGE = "low usage charge"


class IncreaseProfile(enum.StrEnum):
    """What a customer's prices follow once a year: an index of consumer or retail prices, or a fixed percentage."""

    NONE = "none"
    CPI = "CPI"
    RPI = "RPI"
    FIXED = "fixed"


class CallClass(enum.StrEnum):
    """What kind of call it is, which decides the markup where its tariff has no rate."""

    INBOUND = "inbound"
    NATIONAL = "national"
    MOBILE = "mobile"
    INTERNATIONAL = "international"
    FREEPHONE = "freephone"
    PREMIUM = "premium rate"
    OTHER = "other"


class BillLength(enum.StrEnum):
    SHORT = "short"
    LONG = "long"
    FULL = "full"


class ProfileStatus(enum.StrEnum):
    NDA_PENDING = "NDA Pending"
    COMPLETED = "Profile Completed"
    NDA_DECLINED = "NDA Declined"


class ContractStatus(enum.StrEnum):
    """Draft until its invoice profile is completed, then Live by itself."""

    DRAFT = "Draft"
    LIVE = "Live"
    PASSIVE = "Passive"
    ENDED = "Ended"


class OrderStatus(enum.StrEnum):
    PLACED = "placed"
    IN_PROGRESS = "in progress"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class CaseStatus(enum.StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in progress"
    WAITING = "waiting"
    CLOSED = "closed"


class ReminderKind(enum.StrEnum):
    REVIEW = "review"
    COMPLIANCE = "compliance"


class OutboxState(enum.StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    HELD = "held"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TransferState(enum.StrEnum):
    """Where an import, an export or an operation on many rows stands."""

    QUEUED = "queued"
    CHECKING = "checking"
    READY = "ready"
    SAVING = "saving"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REVERTED = "reverted"


class RowOutcome(enum.StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    ERROR = "error"


class RunOutcome(enum.StrEnum):
    """What became of a row that an operation was done to."""

    DONE = "done"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


class CustomFieldOwner(enum.StrEnum):
    """What an organisation may add fields to."""

    CUSTOMER = "customer"
    CONTRACT = "contract"
    INVOICE_PROFILE = "invoice profile"


class TagColour(enum.StrEnum):
    GREY = "grey"
    BLUE = "blue"
    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    VIOLET = "violet"
    TEAL = "teal"


class CustomFieldKind(enum.StrEnum):
    TEXT = "text"
    NUMBER = "number"
    AMOUNT = "amount"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes or no"
    LINK = "link"


class FieldRequirement(enum.StrEnum):
    """Of whom a custom field is required. Prospects, whom partners register, otherwise need little more than a name."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    ALWAYS = "required, also of prospects"
