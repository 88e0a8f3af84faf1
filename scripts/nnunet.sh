#!/bin/sh
# Installs nnU-Net's own predictor into FOLDER, for the tests that compare with it. Without its
# requirements, among which is another build of torch: only what predicting imports.
set -eu
PYTHON=$1
FOLDER=$2
"$PYTHON" -m pip install --quiet --constraint constraints.txt --no-deps --target "$FOLDER" --upgrade \
    nnunetv2 dynamic-network-architectures acvl-utils batchgenerators batchgeneratorsv2 \
    blosc2 numexpr msgpack ndindex httpx connected-components-3d seaborn scikit-learn joblib \
    threadpoolctl narwhals
