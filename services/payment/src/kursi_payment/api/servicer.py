"""Payments over gRPC."""

from dataclasses import dataclass

from google.protobuf.empty_pb2 import Empty
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi.payment.v1.payment_service_pb2_grpc import PaymentServiceServicer
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens

from kursi_payment.api import listing, reading
from kursi_payment.api.rendering import payment_message
from kursi_payment.usecases.create_payment import CreatePayment
from kursi_payment.usecases.list_payments import ListPayments
from kursi_payment.usecases.move_money import MoveMoney, MoveOrder
from kursi_payment.usecases.read_payment import ReadPayment
from kursi_payment.usecases.receive_webhook import ReceiveWebhook

NAME = "kursi.payment.v1.PaymentService"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Everything that a caller can do."""

    create: CreatePayment
    read: ReadPayment
    list: ListPayments
    move: MoveMoney
    receive_webhook: ReceiveWebhook


class PaymentServicer(PaymentServiceServicer):
    """Parse, call, render."""

    def __init__(self, use_cases: UseCases, callback_origins: tuple[str, ...], pages: PageTokens) -> None:
        self._use_cases = use_cases
        self._callback_origins = callback_origins
        self._pages = pages

    async def CreatePayment(self, request: pb2.CreatePaymentRequest, context: Context) -> payment_pb2.Payment:
        caller = current_caller()
        order = reading.pay_order(request, self._callback_origins)
        key = reading.key_of(request, "CreatePayment", request.request_id, caller)
        return payment_pb2.Payment.FromString(await self._use_cases.create(order, key, caller))

    async def GetPayment(self, request: pb2.GetPaymentRequest, context: Context) -> payment_pb2.Payment:
        payment, movements = await self._use_cases.read(reading.id_of(request), current_caller())
        return payment_message(payment, movements)

    async def ListPayments(
        self, request: pb2.ListPaymentsRequest, context: Context
    ) -> pb2.ListPaymentsResponse:
        caller = current_caller()
        selection = listing.selection(request, caller, self._pages)
        found = await self._use_cases.list(selection, caller)
        return listing.page(found, selection, self._pages)

    async def CapturePayment(
        self, request: pb2.CapturePaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        return await self._move(reading.capture_order(request), request, "CapturePayment")

    async def VoidPayment(self, request: pb2.VoidPaymentRequest, context: Context) -> payment_pb2.Payment:
        return await self._move(reading.void_order(request), request, "VoidPayment")

    async def RefundPayment(self, request: pb2.RefundPaymentRequest, context: Context) -> payment_pb2.Payment:
        return await self._move(reading.refund_order(request), request, "RefundPayment")

    async def ReceiveWebhook(self, request: pb2.ReceiveWebhookRequest, context: Context) -> Empty:
        await self._use_cases.receive_webhook(request.provider, request.body.data)
        return Empty()

    async def _move(
        self,
        order: MoveOrder,
        request: pb2.CapturePaymentRequest | pb2.VoidPaymentRequest | pb2.RefundPaymentRequest,
        method: str,
    ) -> payment_pb2.Payment:
        caller = current_caller()
        key = reading.key_of(request, method, request.request_id, caller)
        return payment_pb2.Payment.FromString(await self._use_cases.move(order, key, caller))
