#!/bin/sh
# Builds retail-test-postgresql:17, an image for the tests: build_test_image.sh [DIRECTORY].
# On debian:trixie-slim; or, where no registry can be reached, on the Debian that make_postgresql_root.sh put into
# DIRECTORY. Then: RETAIL_TEST_IMAGE=retail-test-postgresql:17 make test
set -eu
base=debian:trixie-slim
if [ $# -gt 0 ]; then
  base=retail-test-debian:13
  tar --create --one-file-system --directory="$1" . | docker import - "$base"
fi
docker build --build-arg DEBIAN_IMAGE="$base" --tag retail-test-postgresql:17 "$(dirname "$0")/../tests/postgresql"
