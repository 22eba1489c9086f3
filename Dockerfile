FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1
WORKDIR /site

# The package as users get it, with what serves it; not the tools of its tests.
COPY pyproject.toml requirements.txt README.md LICENSE /build/
COPY partyrooms /build/partyrooms
RUN pip install --no-cache-dir -q -c /build/requirements.txt "/build[redis,server]" "psycopg[binary]" \
    && rm -r /build

COPY manage.py ./
COPY project ./project
COPY examples ./examples

RUN useradd --system site && mkdir /data && chown site /data
USER site
VOLUME /data
ENV PARTYROOMS_DEBUG=0 PARTYROOMS_DB=/data/db.sqlite3
EXPOSE 8000

# Compression costs a broadcast a multiple. With SQLite this image migrates by itself.
# A frame may reach the room at twice its limit, so that the room hears of it.
CMD ["sh", "-c", "{ [ -n \"$PARTYROOMS_POSTGRES\" ] || python manage.py migrate --verbosity 0; } && exec uvicorn project.asgi:application --host 0.0.0.0 --port 8000 --workers 1 --ws-per-message-deflate false --ws-max-size 2097152 --timeout-graceful-shutdown 20"]
