"""Server certificates of IAM: what moto does otherwise.

- All have one id and fixed dates; on AWS the date of expiry is the certificate's own. It can be staged too
  (`age`), as a certificate with a wanted date is not always at hand.
- What is no certificate is accepted, and a second of the same name as well.
- One that a load balancer or a distribution uses can be deleted.
- A list is not narrowed to a path.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from moto.cloudfront.models import cloudfront_backends
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.elb.models import elb_backends
from moto.elbv2.models import elbv2_backends
from moto.iam.exceptions import DeleteConflictException, EntityAlreadyExists, IAMException
from moto.iam.models import Certificate, IAMBackend, iam_backends
from moto.iam.responses import IamResponse


class _Malformed(IAMException):
    code = "MalformedCertificate"


def _check(backend: IAMBackend, name: str, body: str) -> None:
    if any(c.cert_name == name for c in backend.certificates.values()):
        raise EntityAlreadyExists(f"The Server Certificate with name {name} already exists.")
    try:
        x509.load_pem_x509_certificate((body or "").encode())
    except ValueError:
        raise _Malformed(
            "Unable to parse certificate. Please ensure the certificate is in PEM format."
        ) from None


def _id_of(backend: IAMBackend, certificate: Certificate) -> str:
    return next(known for known, one in backend.certificates.items() if one is certificate)


def _metadata(backend: IAMBackend, certificate: Certificate) -> dict[str, Any]:
    own = x509.load_pem_x509_certificate(certificate.cert_body.encode()).not_valid_after_utc
    return {
        "ServerCertificateName": certificate.cert_name,
        "Path": certificate.path,
        "Arn": certificate.arn,
        "ServerCertificateId": _id_of(backend, certificate),
        "UploadDate": certificate.upload_date,
        "Expiration": getattr(certificate, "staged_expiration", None) or own,
    }


def age(
    account: str, name: str, uploaded_days: float | None = None, expires_in_days: float | None = None
) -> None:
    """Set how long ago a certificate was uploaded, and in how many days it expires (less than 0: it has)."""
    certificate = iam_backends[account]["aws"].get_server_certificate(name)
    if uploaded_days is not None:
        certificate.upload_date = _from_now(-uploaded_days)
    if expires_in_days is not None:
        certificate.staged_expiration = _from_now(expires_in_days)


def _from_now(days: float) -> datetime:
    return (utcnow() + timedelta(days=days)).replace(microsecond=0)


def _users(account: str, certificate: Certificate, known_as: str) -> Iterator[str]:
    """The ARNs of what uses a certificate, in every region."""
    for region, classic in elb_backends[account].items():
        for balancer in classic.load_balancers.values():
            if certificate.arn in {listener.ssl_certificate_id for listener in balancer.listeners}:
                yield f"arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{balancer.name}"
    for backend in elbv2_backends[account].values():
        for balancer in backend.load_balancers.values():
            if any(certificate.arn in listener.certificates for listener in balancer.listeners.values()):
                yield balancer.arn
    for distribution in cloudfront_backends[account]["aws"].distributions.values():
        if distribution.distribution_config.ViewerCertificate.iam_certificate_id == known_as:
            yield distribution.arn


def _refuse_to_delete_used_ones() -> None:
    delete = IAMBackend.delete_server_certificate

    def delete_server_certificate(self: IAMBackend, name: str) -> None:
        certificate = self.get_server_certificate(name)
        known_as = _id_of(self, certificate)
        if users := list(_users(self.account_id, certificate, known_as)):
            raise DeleteConflictException(
                f"Certificate: {known_as} is currently in use by {', '.join(users)}. "
                "Please remove it first before deleting it from IAM."
            )
        delete(self, name)

    IAMBackend.delete_server_certificate = delete_server_certificate


def _upload_like_aws() -> None:
    upload = IAMBackend.upload_server_certificate

    def upload_server_certificate(
        self: IAMBackend, cert_name: str, cert_body: str, *rest: Any, **named: Any
    ) -> Certificate:
        _check(self, cert_name, cert_body)
        certificate = upload(self, cert_name, cert_body, *rest, **named)
        random = _id_of(self, certificate)
        self.certificates[f"ASCA{random[4:].upper()}"] = self.certificates.pop(random)
        certificate.upload_date = utcnow()
        return certificate

    IAMBackend.upload_server_certificate = upload_server_certificate


def _answer_like_aws() -> None:
    def upload_server_certificate(self: IamResponse) -> ActionResult:
        certificate = self.backend.upload_server_certificate(
            self._get_param("ServerCertificateName"),
            self._get_param("CertificateBody"),
            self._get_param("PrivateKey"),
            cert_chain=self._get_param("CertificateChain"),
            path=self._get_param("Path"),
        )
        return ActionResult({"ServerCertificateMetadata": _metadata(self.backend, certificate)})

    def get_server_certificate(self: IamResponse) -> ActionResult:
        certificate = self.backend.get_server_certificate(self._get_param("ServerCertificateName"))
        told = {
            "ServerCertificateMetadata": _metadata(self.backend, certificate),
            "CertificateBody": certificate.cert_body,
        }
        if certificate.cert_chain:
            told["CertificateChain"] = certificate.cert_chain
        return ActionResult({"ServerCertificate": told})

    def list_server_certificates(self: IamResponse) -> ActionResult:
        prefix = self._get_param("PathPrefix", "/")
        found = [
            _metadata(self.backend, c)
            for c in list(self.backend.certificates.values())
            if c.path.startswith(prefix)
        ]
        return ActionResult({"ServerCertificateMetadataList": found, "IsTruncated": False})

    IamResponse.upload_server_certificate = upload_server_certificate
    IamResponse.get_server_certificate = get_server_certificate
    IamResponse.list_server_certificates = list_server_certificates


def apply() -> None:
    """Mend it."""
    _upload_like_aws()
    _answer_like_aws()
    _refuse_to_delete_used_ones()
