#!/usr/bin/env python3
"""Checks the XML of the operations' tests against the model that AWS's own SDKs are made of.

    check_shapes.py PROGRAM...    runs the test programs and checks each response that they saw

Every element must be a member of the operation's output in botocore's service model, lists flattened where
the model says so, and every value must have its type: integers, booleans, ISO 8601 times."""
import datetime
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import botocore.session

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
# Elements that S3 sends and SDKs use, and some of our own, that the model does not have.
BEYOND_MODEL = {("ListParts", "EncodingType"), ("SimulateCustomPolicy", "Warnings"), ("SimulatePrincipalPolicy", "Warnings")}
# Where AWS answers with other words than its own model lists.
OTHER_WORDS = {"PermissionsBoundaryType": ["policy"], "SourcePolicyType": ["iam policy", "resource policy", "permissions boundary policy"]}
CONTROL_NAMESPACE = "http://awss3control.amazonaws.com/doc/2018-08-20/"
# The rows of ops.def with scope CONTROL.
CONTROL = {"get_account_public_access_block", "list_tags_for_resource", "tag_resource", "untag_resource"}
SCALARS = {
    "integer": r"-?\d+",
    "long": r"-?\d+",
    "boolean": r"true|false",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
}


def load_names():
    """scripts/gen-operations knows S3's name of each row of ops.def."""
    path = pathlib.Path(__file__).resolve().parent.parent.parent / "scripts" / "gen-operations"
    source = path.read_text().rsplit("\nmain()\n", 1)[0]
    module = {"__file__": str(path), "__name__": "gen_operations"}
    exec(compile(source, str(path), "exec"), module)
    return module["camel_case"]


class Checker:
    """The documents of a service; its subclass for those of AWS's Query protocol."""

    namespace, scalars = NAMESPACE, SCALARS

    def __init__(self, service="s3"):
        self.model = botocore.session.get_session().get_service_model(service)
        self.camel_case = load_names()
        self.problems = []
        self.checked = 0
        self.operations = set()

    def problem(self, where, what):
        self.problems.append(f"{where}: {what}")

    def scalar(self, where, shape, text):
        pattern = self.scalars.get(shape.type_name)
        if pattern and not re.fullmatch(pattern, text):
            self.problem(where, f"{text!r} is no {shape.type_name}")
        if shape.type_name == "timestamp" and re.fullmatch(pattern, text):
            datetime.datetime.fromisoformat(text.rstrip("Z"))
        # S3 says encoding-type again as it was sent, in any case.
        names = [name.lower() for name in getattr(shape, "enum", None) or []]
        names += OTHER_WORDS.get(where.rsplit("/")[-1], [])
        if names and text and text.lower() not in names:
            self.problem(where, f"{text!r} is none of {names}")

    def structure(self, where, operation, shape, element):
        members = {}
        for name, member in shape.members.items():
            if member.serialization.get("xmlAttribute"):
                continue
            if member.serialization.get("location") in (None, "body"):
                wire = member.serialization.get("name", name)
                if member.type_name == "list" and member.serialization.get("flattened"):
                    wire = member.serialization.get("name") or member.member.serialization.get("name", name)
                members[wire] = member
        seen = set()
        for child in element:
            name = child.tag.removeprefix(self.namespace)
            member = members.get(name)
            here = f"{where}/{name}"
            if member is None:
                if (operation, name) not in BEYOND_MODEL:
                    self.problem(here, "is not in the model")
                continue
            flat = member.type_name == "list" and member.serialization.get("flattened")
            if name in seen and not flat:
                self.problem(here, "stands twice")
            seen.add(name)
            self.value(here, operation, member.member if flat else member, child)

    def value(self, where, operation, shape, element):
        if shape.type_name == "structure":
            for attribute in element.attrib:
                if attribute != XSI + "type":
                    self.problem(where, f"has the attribute {attribute}")
            self.structure(where, operation, shape, element)
        elif shape.type_name == "list":
            wire = shape.member.serialization.get("name", "member")
            for child in element:
                name = child.tag.removeprefix(self.namespace)
                if name != wire:
                    self.problem(f"{where}/{name}", f"stands where {wire} belongs")
                else:
                    self.value(f"{where}/{name}", operation, shape.member, child)
        else:
            if len(element):
                self.problem(where, "has children")
            self.scalar(where, shape, element.text or "")

    def document(self, path):
        operation = self.camel_case(path.stem.rsplit("-", 1)[0])
        if path.read_bytes().lstrip().startswith(b"{"):
            return  # policies, and what zones tell, are JSON
        try:
            root = ElementTree.fromstring(path.read_bytes())
        except ElementTree.ParseError as error:
            if b"&#" in path.read_bytes():
                return  # control characters, as S3 writes them: no XML 1.0 parser takes them
            return self.problem(operation, f"is no XML: {error}")
        self.checked += 1
        self.operations.add(operation)
        if not root.tag.startswith(self.namespace):
            self.problem(operation, f"has no {self.namespace}: {root.tag}")
        self.whole(operation, root)

    def whole(self, operation, root):
        if operation == "GetBucketLocation":
            return self.scalar(operation, self.model.operation_model(operation).output_shape
                               .members["LocationConstraint"], root.text or "")
        shape = self.model.operation_model(operation).output_shape
        payload = shape.serialization.get("payload")  # then the root is that member
        self.structure(operation, operation, shape.members[payload] if payload else shape, root)


class ControlChecker(Checker):
    """S3 Control, whose operations on an account have the names of those on a bucket."""

    def __init__(self):
        super().__init__("s3control")
        self.namespace = "{%s}" % CONTROL_NAMESPACE
        named = self.camel_case
        self.camel_case = lambda name: named(name).replace("AccountPublicAccessBlock", "PublicAccessBlock")


class QueryChecker(Checker):
    """src: botocore, parsers.QueryParser"""

    scalars = {**SCALARS, "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"}

    def __init__(self, service):
        super().__init__(service)
        self.namespace = "{%s}" % self.model.metadata["xmlNamespace"]
        self.camel_case = lambda name: name.partition(":")[2]

    def value(self, where, operation, shape, element):
        if shape.type_name != "map":
            return super().value(where, operation, shape, element)
        for entry in element:
            names = [child.tag.removeprefix(self.namespace) for child in entry]
            if entry.tag != self.namespace + "entry" or names != ["key", "value"]:
                self.problem(where, f"{names} is no entry of a map")
            else:
                self.value(where + "/key", operation, shape.key, entry[0])
                self.value(where + "/value", operation, shape.value, entry[1])

    def scalar(self, where, shape, text):
        # AWS's model has names that AWS does not send. src: IAM API Reference, SimulatePrincipalPolicy, "Examples"
        if not where.endswith("/SourcePolicyType") or not text.endswith(" Policy"):
            super().scalar(where, shape, text)

    def whole(self, operation, root):
        shape = self.model.operation_model(operation).output_shape
        parts = {child.tag.removeprefix(self.namespace): child for child in root}
        wrapper = shape.serialization["resultWrapper"] if shape is not None else None
        wanted = [name for name in (wrapper, "ResponseMetadata") if name]
        if root.tag != f"{self.namespace}{operation}Response" or list(parts) != wanted:
            self.problem(operation, f"{root.tag} has {list(parts)}")
        elif wrapper:
            self.structure(operation, operation, shape, parts[wrapper])


def main():
    checker, control = Checker(), ControlChecker()
    query = {service: QueryChecker(service) for service in ("iam", "sts")}
    with tempfile.TemporaryDirectory() as directory:
        for program in sys.argv[1:]:
            result = subprocess.run([program], env={**os.environ, "LAKEGATE_SHAPES": directory},
                                    capture_output=True, text=True, timeout=600)
            if result.returncode:
                sys.exit(f"{program} failed:\n{result.stderr[-4000:]}")
        for path in sorted(pathlib.Path(directory).glob("*.xml")):
            by_name = control if path.stem.rsplit("-", 1)[0] in CONTROL else checker
            query.get(path.stem.partition(":")[0], by_name).document(path)
    checkers = [checker, control, *query.values()]
    problems = sorted({problem for one in checkers for problem in one.problems})
    for problem in problems:
        print(problem)
    if problems or not checker.checked:
        sys.exit(1)
    print(f"{sum(one.checked for one in checkers)} responses of {sum(len(one.operations) for one in checkers)} operations "
          "are as the models have them")


main()
