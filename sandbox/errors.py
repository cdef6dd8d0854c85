"""What the API refuses, in DocuSign's words."""

from typing import Final


class ApiError(Exception):
    """A refusal: the status of the answer, DocuSign's code and its sentence."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def as_details(self) -> dict[str, str]:
        return {"errorCode": self.code, "message": self.message}


MISSING_ENVELOPE: Final = ApiError(
    "ENVELOPE_DOES_NOT_EXIST",
    "The envelope specified either does not exist or you have no rights to it.",
    404,
)


def invalid_parameter(reason: str) -> ApiError:
    return ApiError(
        "INVALID_REQUEST_PARAMETER", f"The request contained at least one invalid parameter. {reason}".strip()
    )


def invalid_body(reason: str) -> ApiError:
    return ApiError("INVALID_REQUEST_BODY", f"The request body is missing or improperly formatted. {reason}".strip())
