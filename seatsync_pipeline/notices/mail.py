"""One e-mail over SMTP: STARTTLS, TLS from the first byte, or plain where that was said in so many words."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

from pydantic import SecretStr

from seatsync_pipeline.errors import NoticeUndelivered
from seatsync_pipeline.settings.notices import MailSecurity

TIMEOUT_SECONDS = 3.0  # for each step of the conversation

_REMEDY = "Check the mail settings and the server's log; `seatsync notify` tries again."


@dataclass(frozen=True)
class MailServer:
    """Where mail goes. Certificates are always checked: by the system's authorities, or those of SSL_CERT_FILE."""

    host: str
    port: int
    security: MailSecurity
    user: str | None = None
    password: SecretStr | None = None

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def send(server: MailServer, message: EmailMessage, recipients: tuple[str, ...]) -> None:
    """Hand the message to the server once. Raises NoticeUndelivered, also when it refused one of the recipients."""
    tried = f"mailing a notice through {server.name}"
    try:
        with _connected(server) as smtp:
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password.get_secret_value())
            refused = smtp.send_message(message, to_addrs=list(recipients))
    except smtplib.SMTPNotSupportedError:
        found = (
            "the server offers no STARTTLS"
            if server.security == "starttls"
            else "the server lacks what is needed"
        )
        remedy = "Set SEATSYNC_SMTP_SECURITY to what the server offers, or SEATSYNC_SMTP_USER to nothing."
        raise NoticeUndelivered(tried, found, remedy) from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise _refused(tried, len(recipients), len(recipients), codes) from None
    except smtplib.SMTPResponseException as error:
        # Without the server's words: they may repeat what was sent.
        found = f"the server answered {error.smtp_code}"
        raise NoticeUndelivered(tried, found, _REMEDY, passing=400 <= error.smtp_code < 500) from None
    except ssl.SSLError as error:
        found = f"no trusted encryption with it ({error.reason or type(error).__name__})"
        raise NoticeUndelivered(tried, found, _REMEDY) from None
    except (OSError, smtplib.SMTPException) as error:
        found = f"no conversation with it ({type(error).__name__})"
        raise NoticeUndelivered(tried, found, _REMEDY, passing=True) from None
    if refused:
        raise _refused(tried, len(refused), len(recipients), sorted({code for code, _ in refused.values()}))


def _connected(server: MailServer) -> smtplib.SMTP:
    """A conversation that is encrypted where it should be. Raises as smtplib and ssl do."""
    if server.security == "implicit":
        return smtplib.SMTP_SSL(
            server.host, server.port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    if server.security == "starttls":
        try:
            smtp.starttls(context=ssl.create_default_context())
        except BaseException:
            smtp.close()
            raise
    return smtp


def _refused(tried: str, refused: int, of: int, codes: list[int]) -> NoticeUndelivered:
    """Never repeated while somebody has got it: they would get it twice."""
    found = f"the server refused {refused} of {of} recipients ({', '.join(str(code) for code in codes)})"
    passing = refused == of and all(400 <= code < 500 for code in codes)
    return NoticeUndelivered(tried, found, "Correct SEATSYNC_NOTICE_MAIL_TO.", passing=passing)
