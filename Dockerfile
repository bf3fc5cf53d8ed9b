FROM python:3.11-slim
WORKDIR /opt/offhook
COPY . .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock \
 && pip install --no-cache-dir --no-deps --no-build-isolation . \
 && useradd --system offhook && install -d -o offhook -m 700 /data
USER offhook
ENV OFFHOOK_DATA=/data OFFHOOK_HTTP=0.0.0.0:8080
VOLUME /data
CMD ["offhook", "serve"]
