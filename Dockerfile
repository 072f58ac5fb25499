# The gateway and its demo apps. Your own site: keep the build stage, and copy your
# gateway.yaml and your apps in the last one (docs/docker.md).
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
RUN python -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY gateway ./gateway
RUN /opt/venv/bin/pip install --no-cache-dir ".[full,demo]" \
 && /opt/venv/bin/pip uninstall --yes pip

FROM python:${PYTHON}-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_CONFIG=/srv/gateway.yaml \
    CATALOG_DB=/srv/var/catalog.sqlite3
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv
COPY gateway.yaml ./
COPY apps ./apps
# Only what the apps keep is theirs to write. A number, so that the engine can tell that
# it is not root.
RUN install -d -o 10001 -g 10001 var
USER 10001:10001
VOLUME /srv/var
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=20s --retries=3 \
    CMD ["gateway", "health"]
ENTRYPOINT ["gateway"]
CMD ["serve", "--host", "0.0.0.0"]
