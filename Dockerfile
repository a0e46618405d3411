# The bridge as a container image: built in one stage, run in another that holds only the program,
# its Lua plugins and the shared libraries it needs. scripts/prove-image runs these very steps
# without Docker. Run it with a read-only root and a volume on /data; see examples/compose.
# There is no VOLUME line on purpose: Railway refuses to build an image that has one, and an
# anonymous volume would only hide that nobody mounted a real one.

FROM debian:trixie-slim AS build
WORKDIR /src
COPY scripts/setup scripts/setup
RUN ./scripts/setup && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY plugins plugins
COPY core core
COPY tests/CMakeLists.txt tests/CMakeLists.txt
RUN cmake --preset release && \
    cmake --build --preset release && \
    DESTDIR=/out cmake --install build/release --prefix /usr --strip

FROM debian:trixie-slim
# libcurl4t64 and libcivetweb1 carry HTTP, lua-cjson is what plugins require as "cjson",
# ca-certificates lets https upstreams be checked; the others are what the program links.
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        ca-certificates libcivetweb1 libcurl4t64 libgmp10 liblua5.4-0 libsqlite3-0 libssl3t64 lua-cjson && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data \
        --shell /usr/sbin/nologin bridge && \
    install -d -o bridge -g bridge -m 0700 /data
COPY --from=build /out/usr /usr
COPY LICENSE /usr/share/doc/trading-bridge/LICENSE

# Inside a container loopback reaches nobody, so the bind is wide here; what is published outside
# is decided where the container is started. A platform that sets PORT replaces this one.
ENV PORT=8080 \
    BRIDGE_BIND=0.0.0.0 \
    BRIDGE_STORE=/data/bridge.db \
    BRIDGE_PLUGINS=/usr/share/trading-bridge/plugins
USER bridge
WORKDIR /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["trading-bridge", "health"]
ENTRYPOINT ["trading-bridge"]
CMD ["serve"]
