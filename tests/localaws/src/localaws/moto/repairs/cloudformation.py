"""CloudFormation: what moto does otherwise.

- A template is parsed again for every stack, which takes longest of all.
- A nested stack's template must be in a bucket; here its URL may also name a template beside the one that
  was deployed (`put_templates`), by its last segment. What a nested stack puts out cannot be read, since the
  short form of GetAtt takes attributes of one part only.
- There are no StackSets in templates, nor Security Hub's administrator.
- StackSets for organizational units deploy one level deep, also into the management account and into closed
  accounts, and never by themselves. A stack that fails ends the whole operation.
  The admin's account is left out, since its IAM is not here.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from moto.cloudformation import models, responses
from moto.cloudformation.models import (
    Stack,
    StackInstance,
    StackInstances,
    StackSet,
    cloudformation_backends,
)
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel

from localaws.moto import hub_organization, organization
from localaws.world import ADMIN, MANAGEMENT

logger = logging.getLogger("localaws")

_templates: dict[str, str] = {}
_lock = threading.RLock()


def put_templates(templates: dict[str, str]) -> None:
    """The door: templates by the names of their files."""
    _templates.update(templates)


def _parse_once() -> None:
    parse = Stack.parse_template

    @lru_cache(maxsize=64)
    def parsed(template: str) -> bytes:
        return pickle.dumps(parse(template))

    Stack.parse_template = staticmethod(lambda template: pickle.loads(parsed(template)))


def _read_long_attributes() -> None:
    construct = models.yaml_tag_constructor

    def yaml_tag_constructor(loader: Any, tag: Any, node: Any) -> Any:
        if tag == "!GetAtt" and isinstance(node.value, str):
            return {"Fn::GetAtt": node.value.split(".", 1)}
        return construct(loader, tag, node)

    models.yaml_tag_constructor = yaml_tag_constructor


def _find_templates_by_name() -> None:
    from_bucket = models.get_stack_from_s3_url

    def get_stack_from_s3_url(template_url: str, account_id: str, partition: str) -> str:
        name = template_url.partition("?")[0].rpartition("/")[2]
        return _templates.get(name) or from_bucket(template_url, account_id, partition)

    models.get_stack_from_s3_url = responses.get_stack_from_s3_url = get_stack_from_s3_url


def _put_out() -> None:
    def get_cfn_attribute(self: Stack, name: str) -> Any:
        wanted = name.removeprefix("Outputs.")
        return next(output.value for output in self.output_map.values() if output.key == wanted)

    Stack.get_cfn_attribute = get_cfn_attribute


class _Failed:
    """A stack instance that could not be made."""

    def __init__(self, account: str, region: str, stack_set: str, reason: str) -> None:
        self.account_id, self.region_name, self.stackset_id = account, region, stack_set
        self.parameters: list[dict[str, Any]] = []
        self.reason = reason

    def delete(self) -> None:
        """There is nothing to be deleted."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "StackSetId": self.stackset_id,
            "Region": self.region_name,
            "Account": self.account_id,
            "Status": "OUTDATED",
            "StatusReason": self.reason,
            "StackInstanceStatus": {"DetailedStatus": "FAILED"},
        }


def _targets(targets: dict[str, Any]) -> Iterator[str]:
    """The accounts of the organizational units, as the account filter says."""
    units, named = targets.get("OrganizationalUnitIds") or [], targets.get("Accounts") or []
    kind = targets.get("AccountFilterType") or "NONE"
    for account in organization.active_accounts():
        if account in (ADMIN, MANAGEMENT):
            continue
        below = not set(units).isdisjoint(organization.above(account))
        match kind:
            case "INTERSECTION":
                below = below and account in named
            case "DIFFERENCE":
                below = below and account not in named
            case "UNION":
                below = below or account in named
        if below:
            yield account


def _make(instances: StackInstances, account: str, region: str, parameters: Any, model: str) -> None:
    if instances.get_instance(account, region) is not None or not organization.is_reached(account):
        return
    try:
        made: Any = StackInstance(
            account_id=account,
            region_name=region,
            stackset_id=instances.stackset_id,
            stack_name=instances.stack_name,
            name=instances.stackset_name,
            template=instances.template,
            parameters=parameters,
            permission_model=model,
        )
    except Exception as failure:
        logger.warning("%s in %s of %s: %s", instances.stackset_name, region, account, failure)
        made = _Failed(account, region, instances.stackset_id, str(failure))
    instances.stack_instances.append(made)


def _deploy_to_all_below() -> None:
    create = StackSet.create_stack_instances

    def create_stack_instances(
        self: StackSet, accounts: Any, regions: Any, deployment_targets: Any, parameters: Any
    ) -> str:
        if self.permission_model == "SERVICE_MANAGED" and deployment_targets:
            order = (deployment_targets, regions, parameters or self.parameters)
            self.orders = [*getattr(self, "orders", []), order]
        return create(self, accounts, regions, deployment_targets, parameters)

    def create_instances(
        self: StackInstances,
        accounts: list[str],
        regions: list[str],
        parameters: Any,
        deployment_targets: dict[str, Any],
        permission_model: str,
    ) -> list[dict[str, Any]]:
        known = len(self.stack_instances)
        managed = permission_model == "SERVICE_MANAGED"
        for account in _targets(deployment_targets) if managed else accounts:
            for region in regions:
                _make(self, account, region, parameters, permission_model)
        return [one.to_dict() for one in self.stack_instances[known:]]

    StackSet.create_stack_instances = create_stack_instances
    StackInstances.create_instances = create_instances


def _keep_auto_deployment() -> None:
    create = CloudFormationResponse.create_stack_set

    def create_stack_set(self: CloudFormationResponse) -> Any:
        answer = create(self)
        made = self.cloudformation_backend.describe_stack_set(self._get_param("StackSetName"))
        made.auto = self._get_param("AutoDeployment") or {}
        return answer

    CloudFormationResponse.create_stack_set = create_stack_set


def _is(value: Any) -> bool:
    return str(value).lower() == "true"


def _follow(stack_set: StackSet, account: str) -> None:
    """Give an account the instances that it lacks, and take those away that it must no longer have."""
    auto = getattr(stack_set, "auto", {})
    if not _is(auto.get("Enabled")) or stack_set.status == "DELETED":
        return
    wanted: set[str] = set()
    for targets, regions, parameters in getattr(stack_set, "orders", []):
        if account in _targets(targets):
            wanted.update(regions)
            for region in regions:
                _make(stack_set.instances, account, region, parameters, stack_set.permission_model)
    for instance in list(stack_set.stack_instances):
        if instance.account_id == account and instance.region_name not in wanted:
            if not _is(auto.get("RetainStacksOnAccountRemoval")):
                instance.delete()
            stack_set.stack_instances.remove(instance)


@organization.watch
def _changed(account: str, _: str) -> None:
    with _lock:
        for region, backend in list(dict.items(cloudformation_backends[MANAGEMENT])):
            for stack_set in list(backend.stacksets.values()):
                logger.debug("%s in %s", stack_set.name, region)
                _follow(stack_set, account)


class StackSetResource(CloudFormationModel):
    """AWS::CloudFormation::StackSet."""

    def __init__(self, made: StackSet) -> None:
        self.made = made

    @property
    def physical_resource_id(self) -> str:
        return self.made.id

    @staticmethod
    def cloudformation_name_type() -> str:
        return "StackSetName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudFormation::StackSet"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "StackSetId"

    def get_cfn_attribute(self, _: str) -> str:
        return self.made.id

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> StackSetResource:
        given = cloudformation_json["Properties"]
        template = given.get("TemplateBody") or models.get_stack_from_s3_url(
            given["TemplateURL"], account_id, "aws"
        )
        listed = given.get("Parameters") or []
        made = cloudformation_backends[account_id][region_name].create_stack_set(
            name=given["StackSetName"],
            template=template,
            parameters={one["ParameterKey"]: _text(one["ParameterValue"]) for one in listed},
            tags={},
            permission_model=given["PermissionModel"],
            admin_role=given.get("AdministrationRoleARN"),
            exec_role=given.get("ExecutionRoleName"),
            description=given.get("Description"),
        )
        made.auto = given.get("AutoDeployment") or {}
        for group in given.get("StackInstancesGroup") or []:
            targets = group["DeploymentTargets"]
            changed = {
                one["ParameterKey"]: _text(one["ParameterValue"])
                for one in group.get("ParameterOverrides") or []
            }
            self_managed = made.permission_model == "SELF_MANAGED"
            made.create_stack_instances(
                targets.get("Accounts") or [] if self_managed else [],
                group["Regions"],
                None if self_managed else targets,
                {**made.parameters, **changed},
            )
        failed = [one for one in made.stack_instances if isinstance(one, _Failed)]
        if len(failed) > _tolerated(given.get("OperationPreferences") or {}, len(made.stack_instances)):
            raise ValueError(f"{made.name} in {failed[0].account_id}: {failed[0].reason}")
        return cls(made)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        cls._remove(resource_name, account_id, region_name)

    @staticmethod
    def _remove(name: str, account: str, region: str) -> None:
        backend = cloudformation_backends[account][region]
        made = backend.describe_stack_set(name)
        for instance in list(made.stack_instances):
            instance.delete()
        made.stack_instances.clear()
        backend.delete_stack_set(name)

    def delete(self, account_id: str, region_name: str) -> None:
        self._remove(self.made.id, account_id, region_name)


def _tolerated(preferences: dict[str, Any], instances: int) -> int:
    """How many instances may fail."""
    share = int(preferences.get("FailureTolerancePercentage") or 0) * instances // 100
    return int(preferences.get("FailureToleranceCount") or share)


def _text(value: Any) -> str:
    """A parameter's value as it is handed on; lists are joined."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


class DelegatedAdmin(CloudFormationModel):
    """AWS::SecurityHub::DelegatedAdmin."""

    def __init__(self, account: str, region: str) -> None:
        self.physical_resource_id = f"{account}/{region}"

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SecurityHub::DelegatedAdmin"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("DelegatedAdminIdentifier", "Status")

    def get_cfn_attribute(self, name: str) -> str:
        return "ENABLED" if name == "Status" else self.physical_resource_id

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> DelegatedAdmin:
        chosen = str(cloudformation_json["Properties"]["AdminAccountId"])
        hub_organization.designate(account_id, region_name, chosen)
        return cls(chosen, region_name)


def apply() -> None:
    """Mend it."""
    _parse_once()
    _read_long_attributes()
    _find_templates_by_name()
    _put_out()
    _deploy_to_all_below()
    _keep_auto_deployment()
