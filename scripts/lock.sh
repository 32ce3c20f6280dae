#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Write requirements.lock anew: the newest versions that setup.cfg allows, of everything that the lint and the tests
# use. Made with the oldest Python supported, since older ones need a few packages more.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install -e '.[dev]'
{
    echo '# Versions that are tested together; scripts/lock.sh writes this file.'
    "$folder/venv/bin/pip" --disable-pip-version-check freeze --exclude-editable
} >"$folder/lock"
mv "$folder/lock" requirements.lock
