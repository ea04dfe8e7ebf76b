#!/usr/bin/env bash
# The first journey: fine-tune on the bundled sample, evaluate, predict three sentences.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"

echo "== 1. fine-tune: lmfit finetune configs/quickstart.yaml"
lmfit finetune configs/quickstart.yaml
echo
echo "== 2. evaluate: lmfit evaluate"
lmfit evaluate
echo
echo "== 3. predict: lmfit predict -"
printf '%s\n' \
  "Marta Lindqvist left Harbour Analytics in Lisbon for a start-up in Nairobi." \
  "The Danish chess team won the Winter Trophy in Toronto." \
  "Nothing was decided on Monday." | lmfit predict -
echo
echo "The report of this run: $PWD/$(lmfit runs --json | .venv/bin/python -c 'import json,sys; print("runs/" + json.load(sys.stdin)["runs"][0]["name"])')/report.html"
