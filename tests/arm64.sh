#!/usr/bin/env bash
# Builds the core for 64-bit ARM and runs the tests of the backends on an emulated processor: `make test-arm64`.
# The parts of a foreign Debian that Python needs are unpacked under build/arm64 (debootstrap wants root for that); nothing
# is installed outside it.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in cmake aarch64-linux-gnu-g++ qemu-aarch64-static debootstrap; do
    command -v "$tool" >/dev/null || {
        echo "make test-arm64 needs $tool. Install it (Debian, Ubuntu: apt-get install cmake g++-aarch64-linux-gnu qemu-user-static debootstrap) and try again."
        exit 1
    }
done
root=$PWD/build/arm64 bin=$PWD/.venv/bin

if [ "$root/.unpacked" -ot constraints.txt ] || [ "$root/.unpacked" -ot tests/arm64.sh ]; then
    rm -rf "$root"
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3.11,libpython3.11-dev,libgomp1 \
        bookworm "$root" >/dev/null
    for package in "$root"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$root"; done
    "$bin/pip" install --quiet --disable-pip-version-check --target "$root/site" --python-version 3.11 \
        --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --only-binary=:all: -c constraints.txt \
        numpy safetensors array-api-compat pytest hypothesis threadpoolctl onnx nanobind
    touch "$root/.unpacked"
fi

cmake -S . -B "$root/build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_CXX_FLAGS="-idirafter $root/usr/include" \
    -Dnanobind_DIR="$root/site/nanobind/cmake" -DPython_EXECUTABLE="$bin/python" \
    -DPython_INCLUDE_DIR="$root/usr/include/python3.11" >/dev/null
cmake --build "$root/build" -j2 >/dev/null

rm -rf "$root/site/memcell"
cp -r src/memcell "$root/site/memcell"
find "$root/site/memcell" -name '*.so' -delete
cp "$root"/build/_core*.so "$root/site/memcell/backends/_core.abi3.so"

cd tests
export PYTHONPATH=$root/site PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=2
run=(qemu-aarch64-static -L "$root" -E "LD_LIBRARY_PATH=$root/usr/lib/aarch64-linux-gnu" "$root/usr/bin/python3.11")
"${run[@]}" -c 'from memcell.backends import _core; sets = _core.instruction_sets(); print(*sets); assert sets[0] == "neon"'
"${run[@]}" -m pytest -p no:cacheprovider backends contract
