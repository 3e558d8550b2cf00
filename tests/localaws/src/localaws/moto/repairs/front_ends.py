"""Load balancers and distributions, as far as certificates go: what moto does otherwise.

- A distribution with a certificate of its own tells CloudFront's as well.
- Listeners and their certificates have no pages.
"""

from __future__ import annotations

from typing import Any

from moto.cloudfront.models import ViewerCertificate
from moto.core.responses import ActionResult
from moto.elbv2.responses import ELBV2Response

_CAP = 400


def _tell_one_certificate() -> None:
    init = ViewerCertificate.__init__

    def tell_one(self: ViewerCertificate, config: dict[str, Any]) -> None:
        init(self, config)
        iam, acm = config.get("IAMCertificateId"), config.get("ACMCertificateArn")
        self.iam_certificate_id, self.acm_certificate_arn = iam or None, acm or None
        self.cloud_front_default_certificate = not (iam or acm)
        self.certificate = iam or acm
        self.certificate_source = "iam" if iam else "acm" if acm else "cloudfront"

    ViewerCertificate.__init__ = tell_one


def _page(name: str, key: str) -> None:
    whole = getattr(ELBV2Response, name)

    def paged(self: ELBV2Response) -> ActionResult:
        size, start = self._get_int_param("PageSize", _CAP), int(self._get_param("Marker") or 0)
        result: Any = whole(self).result
        items = list(result[key])
        more = {"NextMarker": str(start + size)} if start + size < len(items) else {}
        return ActionResult({**result, key: items[start : start + size], **more})

    setattr(ELBV2Response, name, paged)


def apply() -> None:
    """Mend it."""
    _tell_one_certificate()
    _page("describe_listeners", "Listeners")
    _page("describe_listener_certificates", "Certificates")
