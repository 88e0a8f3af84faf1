#!/bin/sh
# Installs the libraries whose files are opened as victims into FOLDER, for the tests that compare
# with them. Without their requirements, among which is another build of torch.
set -eu
PYTHON=$1
FOLDER=$2
"$PYTHON" -m pip install --quiet --constraint constraints.txt --no-deps --target "$FOLDER" --upgrade \
    transformers tokenizers regex huggingface-hub httpx2 httpcore2 truststore h11 anyio click \
    filelock fsspec hf-xet tqdm \
    segmentation-models-pytorch timm torchvision \
    onnx2torch onnx onnxruntime protobuf ml_dtypes flatbuffers
