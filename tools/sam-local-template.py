"""Writes the template for "sam local start-api".

SAM CLI reads the routes of a template either from its functions' events or from
API Gateway's own resources, never both, and takes the former as soon as there is
a function. The deployed template has the latter. This adds every route to its
function as an event; nothing else changes. Run it with SAM CLI's own Python:

    python tools/sam-local-template.py TEMPLATE OUTPUT
"""

import re
import sys

from samcli.yamlhelper import yaml_dump, yaml_parse


def function_of(resources, target):
    """The logical id of the function that a route's target leads to."""
    integration = re.fullmatch(r"integrations/\$\{(\w+)\}", target["Fn::Sub"]).group(1)
    uri = resources[integration]["Properties"]["IntegrationUri"]["Fn::Sub"]
    return re.search(r"\$\{(\w+)\.Arn\}", uri).group(1)


def main(source, destination):
    with open(source, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    resources = template["Resources"]
    for name, resource in list(resources.items()):
        if resource["Type"] != "AWS::ApiGatewayV2::Route":
            continue
        route = resource["Properties"]
        event = {"Type": "HttpApi"}  # without properties: whatever no other route takes
        if route["RouteKey"] != "$default":
            method, path = route["RouteKey"].split()
            event["Properties"] = {"Method": method, "Path": path, "PayloadFormatVersion": "2.0"}
        function = resources[function_of(resources, route["Target"])]
        function["Properties"].setdefault("Events", {})[name] = event
    with open(destination, "w", encoding="utf-8") as file:
        file.write(yaml_dump(template))


if __name__ == "__main__":
    main(*sys.argv[1:])
