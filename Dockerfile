# The one image of every part: `broadside worker`, `beat`, `web`, `inbox` and `db upgrade`.
FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.lock requirements-run.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/broadside \
    && /opt/broadside/bin/pip install --no-cache-dir --require-hashes -r requirements-run.lock
COPY config config
COPY subscribers subscribers
COPY mailer mailer
COPY tasks tasks
COPY web web
COPY cli cli
COPY templates templates
COPY migrations migrations
# pip fetches the build tool by itself; this pins it as the lock file does.
RUN grep --only-matching '^[a-z0-9._-]*==[^ ;]*' requirements.lock > pins \
    && PIP_CONSTRAINT=pins /opt/broadside/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home broadside \
    && install --directory --owner broadside --mode 0700 /var/lib/broadside
COPY --from=build /opt/broadside /opt/broadside
ENV PATH=/opt/broadside/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BROADSIDE_STATE_DIR=/var/lib/broadside
WORKDIR /home/broadside
USER broadside
ENTRYPOINT ["broadside"]
CMD ["--help"]
