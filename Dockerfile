# Two images from one file:
#   docker build --target serve --tag truecast-serve .   the web process: no training, no lake
#   docker build --target train --tag truecast-train .   every command: ingest, train, refresh
# The base is pinned by tag; pin its digest too with --build-arg PYTHON_DIGEST=@sha256:…
ARG PYTHON_TAG=3.11-slim-bookworm
ARG PYTHON_DIGEST=""

FROM python:${PYTHON_TAG}${PYTHON_DIGEST} AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/venv/bin:$PATH \
    TRUECAST_DATA_DIR=/data
WORKDIR /app
# LightGBM's wheel needs the OpenMP runtime; its version follows the base image
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 truecast \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin truecast \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data
VOLUME ["/data"]

FROM base AS serve-packages
COPY requirements/serve.txt requirements/serve.txt
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes -r requirements/serve.txt

FROM base AS train-packages
COPY requirements/all.txt requirements/all.txt
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes -r requirements/all.txt

# The training rooms stay out: what is not there cannot be imported. Of features the names and meanings
# of columns are read, in which reasons are told; what builds them lacks its libraries here
FROM base AS serve
COPY --from=serve-packages /opt/venv /opt/venv
COPY truecast.py ./
COPY lifecycle ./lifecycle
COPY features ./features
COPY ledger ./ledger
COPY models ./models
COPY service ./service
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
CMD ["python", "-m", "truecast", "serve", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS train
COPY --from=train-packages /opt/venv /opt/venv
COPY truecast.py ./
COPY lifecycle ./lifecycle
COPY features ./features
COPY ledger ./ledger
COPY models ./models
COPY training ./training
COPY service ./service
COPY examples ./examples
USER 10001:10001
# a job ends by itself: there is nothing to ask for its health
HEALTHCHECK NONE
ENTRYPOINT ["python", "-m", "truecast"]
CMD ["--help"]
