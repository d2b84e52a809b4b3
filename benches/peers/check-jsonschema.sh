#!/bin/sh
# Checks all deals of a pipeline's folder with check-jsonschema, against the schema that schema.py makes of its pipeline.yaml.
#
#     check-jsonschema.sh sales
set -eu
here=$(dirname "$0")
schema=$(mktemp)
trap 'rm -f "$schema"' EXIT
python3 -B "$here/schema.py" "$1/pipeline.yaml" > "$schema"
find "$1" -name '*.yaml' ! -name pipeline.yaml -print0 | xargs -0 check-jsonschema --schemafile "$schema"
