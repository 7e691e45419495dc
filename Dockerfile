# rs-bench on a processor:
#   docker build -t rs-bench .
#   docker run --rm -v "$PWD/results:/results" -v "$PWD/data:/data" rs-bench run --task rsscn7 --model floor-prior
FROM python:3.11-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BENCH_DATA=/data \
    BENCH_RESULTS=/results

WORKDIR /opt/rs-bench
COPY . .
# PyTorch's own index has it without CUDA, a fifth of the size.
RUN python -m pip install --constraint constraints.txt \
      --extra-index-url https://download.pytorch.org/whl/cpu '.[compression,plots]' \
 && useradd --create-home --uid 1000 bench \
 && mkdir /data /results \
 && chown bench /data /results

USER 1000
WORKDIR /home/bench
VOLUME ["/data", "/results"]
ENTRYPOINT ["bench"]
CMD ["--help"]
