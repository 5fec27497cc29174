"""What stands in the folder of a container beside the model: Dockerfile, what it copies, how to use it."""

from __future__ import annotations

from typing import Final

__all__ = ["DOCKERFILE", "IGNORE", "README"]

DOCKERFILE: Final = """\
# Made by `justright export`. The same image serves and, built with --build-arg EXTRA=train, trains.
FROM python:{python}-slim

# serve: the serving process alone; train: what a training needs, too.
ARG EXTRA=serve

ENV PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1 \\
    PIP_NO_CACHE_DIR=1 \\
    PIP_DISABLE_PIP_VERSION_CHECK=1 \\
    JUSTRIGHT_NAME={name} \\
    JUSTRIGHT_MODEL=/app/model \\
    JUSTRIGHT_RECIPE=/app/recipe.json

WORKDIR /app
COPY requirements.txt requirements-train.txt {wheel} ./
# LightGBM needs the OpenMP library of the system.
RUN if [ "$EXTRA" = train ]; then \\
        apt-get update && apt-get install -y --no-install-recommends libgomp1 \\
        && rm -rf /var/lib/apt/lists/*; \\
    fi \\
    && pip install --no-deps -r requirements.txt \\
    && if [ "$EXTRA" = train ]; then pip install --no-deps -r requirements-train.txt; fi \\
    && pip install --no-deps ./{wheel} \\
    && python -m compileall -q "$(python -c 'import justright; print(justright.__path__[0])')"

COPY model /app/model
{copy_recipe}RUN useradd --system --uid 10001 justright
USER 10001

EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \\
    CMD ["python", "-m", "justright.cli.image", "health"]
ENTRYPOINT ["python", "-m", "justright.cli.image"]
CMD ["serve"]
"""

IGNORE: Final = """\
*
!Dockerfile
!requirements.txt
!requirements-train.txt
!*.whl
!recipe.json
!model
!model/**
"""

README: Final = """\
# {name}

Model `{model_id}`, exported by justright {version}.

    docker build -t {name} .

Serve on this machine only (nobody else can reach the port, so no token is needed):

    docker run --rm -p 127.0.0.1:8080:8080 {name} serve --no-token
    curl http://127.0.0.1:8080/health

Serve to others: every request brings `Authorization: Bearer TOKEN`, a line of the file.

    openssl rand -hex 32 > token.txt
    docker run --rm -p 8080:8080 -v "$PWD/token.txt:/run/secrets/justright_token:ro" {name}

On Vertex AI the platform gives the port and the routes (`AIP_HTTP_PORT`, `AIP_HEALTH_ROUTE`,
`AIP_PREDICT_ROUTE`) and guards them. Where something else guards the port and no argument can be given
(SageMaker), set `JUSTRIGHT_NO_TOKEN=1`.

## Train

    docker build -t {name}-train --build-arg EXTRA=train .
    docker run --rm -v "$PWD/data:/data" -e AIP_TRAINING_DATA_URI=/data/rows.csv \\
        -e AIP_MODEL_DIR=/data/model {name}-train train

The recipe is `recipe.json`. Rows come from `AIP_TRAINING_DATA_URI` and `AIP_VALIDATION_DATA_URI` (folds
judge, so that these rows train, too): a path, a pattern, or `gs://...`, which Vertex AI shows below `/gcs`.
The model goes to `AIP_MODEL_DIR`; where `AIP_TEST_DATA_URI` names rows, `test.json` there says how good it
is on them.

Without an argument the image trains where `AIP_TRAINING_DATA_URI` is set, and serves else.
"""
