# One image for every service; the command says which.
FROM python:3.11.14-slim-bookworm AS build
COPY requirements.lock /build/requirements.lock
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement /build/requirements.lock

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin wardlight
COPY --from=build /venv /venv
# Where the certificate authority keeps its volumes, as the broker's user, who reads what it makes for the broker.
RUN install -d -m 700 -o 1883 -g 1883 /authority /authority/broker
# Where the keys of names and secrets lie, as the user of every service.
RUN install -d -m 700 -o 10001 -g 10001 /house-keys
WORKDIR /app
COPY vitals vitals
COPY runtime runtime
COPY ingest ingest
COPY stream stream
COPY alerts alerts
COPY storage storage
COPY dashboard dashboard
COPY simulators simulators
COPY evaluation evaluation
COPY wardlight wardlight
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m compileall -q /app \
 && printf '#!/venv/bin/python\nimport sys\nsys.path.insert(0, "/app")\nfrom wardlight.__main__ import main\nmain()\n' >/venv/bin/wardlight \
 && chmod 755 /venv/bin/wardlight
USER 10001:10001
CMD ["python", "-m", "wardlight", "--help"]
