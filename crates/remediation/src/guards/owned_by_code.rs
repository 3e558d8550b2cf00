//! What infrastructure code or a controller made is changed there: a change by hand would drift, and be taken back by the next deployment.
//!
//! Only tags tell. CloudFormation puts none on KMS keys and IAM principals, and Terraform puts none by itself: what its users put by custom
//! (`ManagedBy = Terraform`) is recognized.

use redress_model::policy::{OwnedByCode, Tags};

use super::{ByItself, Situation, Stop};

pub(super) fn guard(situation: &Situation<'_>) -> Option<Stop> {
    // What no code can say, such as that a principal is locked down, is no drift from it.
    if situation.in_code.cloudformation.is_empty() && situation.in_code.terraform.is_empty() {
        return None;
    }
    let holds = situation.terms.iter().any(|terms| terms.owned_by_code.value == OwnedByCode::Hold);
    let owner = owner(situation.tags).filter(|_| holds)?;
    let patch = match &owner {
        Owner { tool: Tool::CloudFormation, .. } => situation.in_code.cloudformation,
        Owner { tool: Tool::Terraform, .. } => situation.in_code.terraform,
        Owner { tool: Tool::Other, .. } => "",
    };
    let patch = if patch.is_empty() { situation.changes.join("; ") } else { patch.to_owned() };
    Some(Stop::ask(format!("it belongs to {}; make the change there: {patch}", owner.name), ByItself::Held))
}

/// What made a resource.
struct Owner {
    tool: Tool,
    name: String,
}

enum Tool {
    CloudFormation,
    Terraform,
    Other,
}

/// Keys that only a tool or a controller puts, by their beginning.
const KEYS: &[(&str, &str)] = &[
    ("aws:servicecatalog:", "a Service Catalog product"),
    ("aws:autoscaling:groupName", "an Auto Scaling group"),
    ("aws:ec2:fleet-id", "an EC2 Fleet"),
    ("aws:eks:", "an EKS cluster"),
    ("eks:", "an EKS cluster"),
    ("elasticbeanstalk:", "an Elastic Beanstalk environment"),
    ("elbv2.k8s.aws/", "the AWS Load Balancer Controller"),
    ("ingress.k8s.aws/", "the AWS Load Balancer Controller"),
    ("service.k8s.aws/", "the AWS Load Balancer Controller"),
    ("services.k8s.aws/", "an AWS controller for Kubernetes"),
    ("sigs.k8s.io/cluster-api-provider-aws/", "the Kubernetes Cluster API"),
    ("karpenter.", "Karpenter"),
    ("alpha.eksctl.io/", "eksctl"),
    ("crossplane-", "Crossplane"),
    ("pulumi:", "Pulumi"),
];

/// Keys with which people say what manages a resource, without `-`, `_` and capitals.
const MANAGERS: &[&str] = &["managedby", "iac", "provisioner", "provisionedby", "createdby"];
const TOOLS: &[(&str, Tool)] = &[
    ("terraform", Tool::Terraform),
    ("tofu", Tool::Terraform),
    ("cloudformation", Tool::CloudFormation),
    ("cdk", Tool::CloudFormation),
    ("pulumi", Tool::Other),
    ("crossplane", Tool::Other),
    ("ansible", Tool::Other),
];

fn owner(tags: &Tags) -> Option<Owner> {
    if let Some(stack) = tags.get("aws:cloudformation:stack-name") {
        let part = tags.get("aws:cloudformation:logical-id").map_or_else(String::new, |id| format!(" ({id})"));
        return Some(Owner { tool: Tool::CloudFormation, name: format!("the CloudFormation stack {stack}{part}") });
    }
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    tags.iter().find_map(|(key, value)| {
        let other = |name: String| Some(Owner { tool: Tool::Other, name });
        if let Some((_, name)) = KEYS.iter().find(|(start, _)| key.starts_with(start)) {
            return other(format!("{name} (tag {key}={value})"));
        }
        if key.starts_with("kubernetes.io/cluster/") && value == "owned" {
            return other(format!("a Kubernetes cluster (tag {key})"));
        }
        if plain(key) == "terraform" && !matches!(plain(value).as_str(), "false" | "no" | "0") {
            return Some(Owner { tool: Tool::Terraform, name: format!("Terraform (tag {key}={value})") });
        }
        let value_plain = plain(value);
        let (_, tool) = TOOLS.iter().find(|(word, _)| MANAGERS.contains(&plain(key).as_str()) && value_plain.contains(word))?;
        let tool = match tool {
            Tool::CloudFormation => Tool::CloudFormation,
            Tool::Terraform => Tool::Terraform,
            Tool::Other => Tool::Other,
        };
        Some(Owner { tool, name: format!("{value} (tag {key})") })
    })
}

#[cfg(test)]
mod tests {
    use redress_model::{Intent, Outcome};

    use super::*;
    use crate::InCode;
    use crate::guards::{clean, stopped};

    fn said(key: &str, value: &str) -> Option<String> {
        let tags = Tags::from([(key.to_owned(), value.to_owned())]);
        match stopped(&Situation { tags: &tags, ..clean() })?.outcome {
            Outcome::Held { why } => Some(why),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn says_who_owns_it_and_the_change_to_make_there() {
        let why = said("aws:cloudformation:stack-name", "web").unwrap();
        assert!(why.contains("CloudFormation stack web") && why.contains("Good: true"), "{why}");
        for (key, value) in [("ManagedBy", "Terraform"), ("managed-by", "terraform cloud"), ("Terraform", "true"), ("iac", "OpenTofu")] {
            assert!(said(key, value).unwrap().contains("good = true"), "{key}={value}");
        }
        for (key, value) in
            [("kubernetes.io/cluster/a", "owned"), ("crossplane-kind", "b"), ("elbv2.k8s.aws/cluster", "c"), ("aws:eks:cluster-name", "d")]
        {
            assert!(said(key, value).is_some(), "{key}={value}");
        }
    }

    #[test]
    fn other_tags_say_nothing_of_an_owner() {
        for (key, value) in
            [("kubernetes.io/cluster/a", "shared"), ("managed-by", "ann"), ("terraform", "false"), ("Name", "terraform"), ("team", "eks")]
        {
            assert_eq!(said(key, value), None, "{key}={value}");
        }
    }

    #[test]
    fn what_no_code_can_say_is_no_drift() {
        let tags = Tags::from([("aws:autoscaling:groupName".to_owned(), "web".to_owned())]);
        assert!(stopped(&Situation { tags: &tags, ..clean() }).is_some());
        let in_code = InCode { cloudformation: "", terraform: "" };
        assert_eq!(stopped(&Situation { tags: &tags, in_code, ..clean() }), None);
    }

    #[test]
    fn a_person_may_consent_to_the_drift() {
        let tags = Tags::from([("aws:cloudformation:stack-name".to_owned(), "web".to_owned())]);
        let word =
            |intent, is_consent| stopped(&Situation { tags: &tags, intent, is_consent, ..clean() }).map(|stopped| stopped.outcome.word());
        assert_eq!(word(Intent::Requested, false), Some("needs-approval"));
        assert_eq!(word(Intent::Approved, true), None);
    }
}
