"""The statuses of contracts and orders and the transitions between them, as plain data.

Screens, bulk actions and jobs all ask these tables; docs/contracts.md draws them.
"""

from typing import Final

from customerhub.core.permissions import Permission
from customerhub.core.state_machine import RequiredInput, StateMachine, Transition
from customerhub.customers.invoice_profiles import STATUS_AFTER_COMPLETION
from models import Contract, CustomerOrder
from models.enums import ContractStatus, OrderStatus

ContractTransition = Transition[Contract, ContractStatus]
OrderTransition = Transition[CustomerOrder, OrderStatus]

CONTRACT_STATUSES: Final = StateMachine[Contract, ContractStatus](
    Contract.status,
    (
        *(
            ContractTransition(
                f"complete {status.value}", frozenset({status}), next_status, explanation="the profile is completed"
            )
            for status, next_status in STATUS_AFTER_COMPLETION.items()
        ),
        ContractTransition(
            "passive",
            frozenset({ContractStatus.LIVE}),
            ContractStatus.PASSIVE,
            label="Make passive",
            explanation="The contract is paused and can be made live again.",
            permission=Permission.CONTRACTS_EDIT,
        ),
        ContractTransition(
            "live",
            frozenset({ContractStatus.PASSIVE}),
            ContractStatus.LIVE,
            label="Make live again",
            explanation="The contract is live again. The customer must be eligible.",
            permission=Permission.CONTRACTS_EDIT,
        ),
        ContractTransition(
            "end",
            frozenset({ContractStatus.DRAFT, ContractStatus.LIVE, ContractStatus.PASSIVE}),
            ContractStatus.ENDED,
            label="End",
            explanation="The contract ends permanently. It cannot be changed, and no orders can be placed on it.",
            permission=Permission.CONTRACTS_EDIT,
            required_inputs=(RequiredInput("end_date", "with its date", "Enter the end date"),),
        ),
    ),
    {ContractStatus.DRAFT: "profile open", ContractStatus.LIVE: "profile completed"},
)
ORDER_STATUSES: Final = StateMachine[CustomerOrder, OrderStatus](
    CustomerOrder.status,
    (
        OrderTransition(
            "start",
            frozenset({OrderStatus.PLACED}),
            OrderStatus.IN_PROGRESS,
            label="Start",
            explanation="Work on the order has started.",
            permission=Permission.CONTRACTS_EDIT,
        ),
        OrderTransition(
            "deliver",
            frozenset({OrderStatus.IN_PROGRESS}),
            OrderStatus.DELIVERED,
            label="Deliver",
            explanation="The connections are in place. The order can no longer be changed.",
            permission=Permission.CONTRACTS_EDIT,
            required_inputs=(RequiredInput("delivered_on", "with its date", "Enter the delivery date"),),
        ),
        OrderTransition(
            "cancel",
            frozenset({OrderStatus.PLACED, OrderStatus.IN_PROGRESS}),
            OrderStatus.CANCELLED,
            label="Cancel",
            explanation="The order is cancelled permanently.",
            permission=Permission.CONTRACTS_EDIT,
        ),
    ),
    {OrderStatus.PLACED: "ordered"},
)
