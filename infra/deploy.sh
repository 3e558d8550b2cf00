#!/usr/bin/env bash
# Deploys Redress: the suite in the administrator account of Security Hub, then the organization's side in the management
# account, whose StackSets bring the roles into every account. It may be run again at any time, for a new version, a new
# region or after a failure: what is as it should be is left alone, and what was answered once is not asked for again.
#
#   ADMIN_PROFILE, MANAGEMENT_PROFILE   profiles of the AWS CLI for the two accounts
#   HOME_REGION                         the home region of Security Hub, where the suite is (us-east-1)
#   GLOBAL_REGION                       the partition's global region (us-east-1)
#   REGIONS                             the regions to look after, as a comma list (all that are enabled in the administrator account)
#   TARGET_IDS                          whose accounts get the roles: the root, or OUs, as a comma list (the root)
#   STACK                               what the suite's stack is called (redress)
#   SUITE_PARAMETERS                    of infra/template.yaml, as "Modes=plan,A=auto NotificationEmail=..."
#   ORGANIZATION_PARAMETERS             of infra/organization.yaml, as "IncludeManagementAccount=true"
#   EXTERNAL_ID                         one that exists already; otherwise one is made, and kept in the administrator account
#   SERVICE_CATALOG_USERS               makes products of the templates as well, for these principals: "role/Owner"
#   SKIP_ADMIN_STACK=1                  leaves out the suite, which is deployed already
set -euo pipefail
cd "$(dirname "$0")/.."

ADMIN_PROFILE=${ADMIN_PROFILE:?which profile is the administrator account of Security Hub?}
MANAGEMENT_PROFILE=${MANAGEMENT_PROFILE:?which profile is the management account?}
HOME_REGION=${HOME_REGION:-us-east-1}
GLOBAL_REGION=${GLOBAL_REGION:-us-east-1}
STACK=${STACK:-redress}
SKIP_ADMIN_STACK=${SKIP_ADMIN_STACK:-}
TEMPLATES=(member-role member-region management-role launch-role)

say() { printf '\n== %s\n' "$*"; }
admin() { aws --profile "$ADMIN_PROFILE" --region "$HOME_REGION" "$@"; }
management() { aws --profile "$MANAGEMENT_PROFILE" --region "$GLOBAL_REGION" "$@"; }
listed() { tr '\t' ','; }
output() {
    admin cloudformation describe-stacks --stack-name "$STACK" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}
deployed() { # stack, parameter: its value in the management account, or nothing
    management cloudformation describe-stacks --stack-name "$1" --output text \
        --query "Stacks[0].Parameters[?ParameterKey=='$2'].ParameterValue" 2>/dev/null || true
}
deploy() { # stack, template, parameters...
    management cloudformation deploy --stack-name "$1" --template-file "infra/$2.yaml" --capabilities CAPABILITY_NAMED_IAM \
        --no-fail-on-empty-changeset --parameter-overrides "${@:3}"
}

for tool in aws openssl $([[ $SKIP_ADMIN_STACK ]] || echo sam cargo-lambda); do
    command -v "$tool" >/dev/null || { echo "deploy: $tool is not installed" >&2; exit 1; }
done

say "who is who"
admin_account=$(admin sts get-caller-identity --query Account --output text)
management_account=$(management sts get-caller-identity --query Account --output text)
partition=$(management sts get-caller-identity --query Arn --output text | cut -d: -f2)
organization=$(management organizations describe-organization --query Organization.Id --output text)
master=$(management organizations describe-organization --query Organization.MasterAccountId --output text)
if [[ $management_account != "$master" ]]; then
    echo "deploy: MANAGEMENT_PROFILE is of account $management_account, and $organization is managed by $master" >&2
    exit 1
fi
REGIONS=${REGIONS:-$(admin ec2 describe-regions --query 'Regions[].RegionName' --output text | listed)}
TARGET_IDS=${TARGET_IDS:-$(management organizations list-roots --query 'Roots[].Id' --output text | listed)}
echo "organization $organization, suite in $admin_account ($HOME_REGION), accounts of $TARGET_IDS, regions $REGIONS"

kept=/$STACK/external-id
known=$(admin ssm get-parameter --name "$kept" --with-decryption --query Parameter.Value --output text 2>/dev/null || true)
EXTERNAL_ID=${EXTERNAL_ID:-${known:-$(openssl rand -hex 16)}}
[[ $EXTERNAL_ID == "$known" ]] || admin ssm put-parameter --name "$kept" --type SecureString --value "$EXTERNAL_ID" --overwrite >/dev/null

read -ra suite_parameters <<<"${SUITE_PARAMETERS:-}"
read -ra organization_parameters <<<"${ORGANIZATION_PARAMETERS:-}"

if [[ -z $SKIP_ADMIN_STACK ]]; then
    say "the suite, in $admin_account"
    sam build --template infra/template.yaml
    sam deploy --profile "$ADMIN_PROFILE" --region "$HOME_REGION" --stack-name "$STACK" --resolve-s3 --capabilities CAPABILITY_IAM \
        --no-confirm-changeset --no-fail-on-empty-changeset \
        --parameter-overrides "OrganizationId=$organization" "ExternalId=$EXTERNAL_ID" ${suite_parameters[@]+"${suite_parameters[@]}"}
fi

say "the templates, in $management_account"
bucket=redress-templates-$management_account-$GLOBAL_REGION
if ! management s3api head-bucket --bucket "$bucket" >/dev/null 2>&1; then
    where=()
    [[ $GLOBAL_REGION == us-east-1 ]] || where=(--create-bucket-configuration "LocationConstraint=$GLOBAL_REGION")
    management s3api create-bucket --bucket "$bucket" ${where[@]+"${where[@]}"} >/dev/null
fi
management s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration \
    BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
# An endpoint without TLS, such as a local AWS, would be shut out.
[[ ${AWS_ENDPOINT_URL:-https:} == http:* ]] || management s3api put-bucket-policy --bucket "$bucket" --policy "{\"Version\": \"2012-10-17\", \"Statement\": [{
    \"Sid\": \"OnlyOverTls\", \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"s3:*\",
    \"Resource\": [\"arn:$partition:s3:::$bucket\", \"arn:$partition:s3:::$bucket/*\"],
    \"Condition\": {\"Bool\": {\"aws:SecureTransport\": \"false\"}}}]}"
# A place for each content, since CloudFormation reads a template again only when its URL is another.
version=$(for name in "${TEMPLATES[@]}"; do cat "infra/$name.yaml"; done | openssl dgst -sha256 -r | cut -c1-12)
for name in "${TEMPLATES[@]}"; do
    management s3api put-object --bucket "$bucket" --key "redress/$version/$name.yaml" --body "infra/$name.yaml" >/dev/null
done
suffix=amazonaws.com
[[ $partition != aws-cn ]] || suffix=amazonaws.com.cn
url=https://$bucket.s3.$GLOBAL_REGION.$suffix/redress/$version
echo "$url"

say "the organization, in $management_account"
stacksets=member.org.stacksets.cloudformation.amazonaws.com
trusted=$(management organizations list-aws-service-access-for-organization --output text \
    --query "EnabledServicePrincipals[?ServicePrincipal=='$stacksets'].ServicePrincipal")
[[ -n $trusted ]] || management cloudformation activate-organizations-access >/dev/null
deploy "$STACK-organization" organization \
    "OrganizationId=$organization" "ExternalId=$EXTERNAL_ID" "AdminAccountId=$admin_account" \
    "TargetIds=$TARGET_IDS" "Regions=$REGIONS" "TemplatesUrl=$url" \
    "RemediationRoleArns=$(output RemediationRoleArns)" "ScannerRoleArn=$(output ScannerRoleArn)" \
    "OnboarderRoleArn=$(output OnboarderRoleArn)" "ChangesBusArn=$(output ChangesBusArn)" \
    ${organization_parameters[@]+"${organization_parameters[@]}"}

if [[ -n ${SERVICE_CATALOG_USERS:-} ]]; then
    say "the products, in $management_account"
    products=("Version=$version" "TemplatesUrl=$url" "Users=$SERVICE_CATALOG_USERS" "TargetIds=$TARGET_IDS")
    before=$(deployed "$STACK-service-catalog" Version)
    if [[ -n $before && $before != "$version" ]]; then
        products+=("PreviousVersion=$before" "PreviousTemplatesUrl=$(deployed "$STACK-service-catalog" TemplatesUrl)")
    fi
    management servicecatalog enable-aws-organizations-access
    deploy "$STACK-service-catalog" service-catalog "${products[@]}"
    portfolio=$(management cloudformation describe-stacks --stack-name "$STACK-service-catalog" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='PortfolioId'].OutputValue")
    for target in ${TARGET_IDS//,/ }; do
        node=(ORGANIZATIONAL_UNIT "$target")
        [[ $target == ou-* ]] || node=(ORGANIZATION "$organization")
        shared=$(management servicecatalog describe-portfolio-shares --portfolio-id "$portfolio" --type "${node[0]}" --output text \
            --query "PortfolioShareDetails[?PrincipalId=='${node[1]}'].PrincipalId")
        [[ -n $shared ]] || management servicecatalog create-portfolio-share --portfolio-id "$portfolio" --share-principals \
            --organization-node "Type=${node[0]},Value=${node[1]}" >/dev/null
    done
fi

say "deployed; the StackSets RedressMemberRole and RedressMemberRegion go on by themselves"
cat <<END
Nothing is changed in any account while the suite's Modes say plan. Next, with the management account's credentials,
what the organization lacks, and what it would cost:
  redress org onboard $admin_account OrganizationAccountAccessRole ${REGIONS//,/ }
And in the administrator account, what this deployment lacks:
  redress doctor --deployment
A new region: the same again with REGIONS. A new account: nothing, it is seen when it comes.
END
