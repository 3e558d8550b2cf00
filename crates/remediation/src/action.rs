//! IAM actions as settings declare them: what may be called, on which resources, under which condition.

/// A condition on an action, in IAM's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// The operator, such as `ArnEquals`.
    pub operator: &'static str,
    /// The key, such as `iam:PolicyARN`.
    pub key: &'static str,
    /// The value, in `Fn::Sub` notation.
    pub value: &'static str,
}

/// An IAM action. The gate lets it pass, the session policy grants it, and the member role is generated from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// The name, such as `s3:GetBucketPolicy`.
    pub name: &'static str,
    /// The ARNs that the member role grants it on, in `Fn::Sub` notation. `*` where IAM knows no resources for it.
    pub on: &'static str,
    /// The condition under which the member role grants it.
    pub when: Option<Condition>,
}

impl Action {
    /// An action that IAM knows no resources for.
    pub const fn anywhere(name: &'static str) -> Self {
        Self::on(name, "*")
    }

    /// An action on the resources that match `arn`.
    pub const fn on(name: &'static str, arn: &'static str) -> Self {
        Self { name, on: arn, when: None }
    }

    /// The same under a condition.
    #[must_use]
    pub const fn when(self, operator: &'static str, key: &'static str, value: &'static str) -> Self {
        Self { when: Some(Condition { operator, key, value }), ..self }
    }
}
