//! # Risk
//! An expired certificate that is put on a load balancer by mistake breaks its clients, and looks like an attack.
//!
//! # Remedy
//! Deletes the one server certificate of the finding, if it has expired and nothing uses it: every load balancer in every region of the
//! account and every `CloudFront` distribution is asked first. Its metadata, body and chain are saved.
//!
//! # Impact
//! None: the certificate is of no use to anybody. One that is still in use is not touched; the finding names who uses it.
//!
//! # Undo
//! In part: body and chain are saved, but nobody can read a certificate's private key. Whoever has it can upload all three again; the undo
//! says how.

use redress_model::{Class, Resource, Scope, Severity};
use redress_remediation::{Control, Entry, InCode, Located, Spec, Want};
use redress_settings::iam::{Certificate, CertificateFacts, ServerCertificate};

use crate::not_a;

/// IAM.26
pub struct ExpiredCertificatesGone;

/// The entry of the catalog.
pub static ENTRY: Entry = Entry::of::<ExpiredCertificatesGone>();

impl Control for ExpiredCertificatesGone {
    const SPEC: Spec = Spec {
        id: "IAM.26",
        title: "Expired server certificates are deleted",
        severity: Severity::Medium,
        class: Class::Automatic,
        scope: Scope::Global,
        resources: &["AwsIamServerCertificate", "Other"],
        prowler: &["iam_no_expired_server_certificates_stored"],
        config_rules: &[],
        in_code: InCode {
            cloudformation: "take the AWS::IAM::ServerCertificate out",
            terraform: "take the aws_iam_server_certificate out",
        },
    };
    type Setting = ServerCertificate;
    type Params = ();

    fn locate(resource: &Resource, _params: &()) -> Located<ServerCertificate> {
        let arn = resource.arn().filter(|arn| arn.service == "iam");
        let path = arn.and_then(|arn| arn.named("server-certificate").map(str::to_owned));
        let name = path.as_deref().and_then(|path| path.rsplit('/').next());
        name.map(|name| ServerCertificate { name: name.to_owned() }).ok_or_else(|| not_a("a server certificate", &resource.id))
    }

    fn want(value: &Option<Certificate>, facts: &CertificateFacts, _params: &()) -> Want<Option<Certificate>> {
        match (value, facts.expired_days) {
            (None, _) | (_, None) => Want::Keep,
            (Some(_), Some(_)) if facts.used_by.is_empty() => Want::Set(None),
            (Some(_), Some(days)) => Want::Tell(format!(
                "it expired {days} days ago and is in use by {}: give them a certificate of AWS Certificate Manager, then aws iam \
                 delete-server-certificate --server-certificate-name {}.",
                crate::some(&facts.used_by),
                facts.name
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(expired_days: Option<i64>, used_by: &[&str]) -> Want<Option<Certificate>> {
        let arn = "arn:aws:iam::111122223333:server-certificate/shop".to_owned();
        let value = Some(Certificate { arn, id: "ASCA".into(), body: "PEM".into(), chain: None });
        let used_by = used_by.iter().map(|user| (*user).to_owned()).collect();
        ExpiredCertificatesGone::want(&value, &CertificateFacts { name: "shop".into(), expired_days, used_by }, &())
    }

    #[test]
    fn only_what_has_expired_and_is_used_by_nothing_goes() {
        assert_eq!(want(Some(0), &[]), Want::Set(None));
        assert_eq!(want(None, &[]), Want::Keep);
    }

    #[test]
    fn one_in_use_is_left_and_its_users_are_named() {
        let told = want(Some(3), &["load balancer shop in eu-west-1"]);
        assert!(matches!(told, Want::Tell(steps) if steps.contains("load balancer shop in eu-west-1")));
    }
}
