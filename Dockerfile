# syntax=docker/dockerfile:1
# A gateway in a container: docker build -t ringgate . (with BuildKit, as Docker 23 and later have it, or podman).
# How to run it, with io_uring and without, is in tuning/README.md.

# The C library of this stage must not be newer than that of the last one: both are Debian 12.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Compiled in: the pages of the policies, and the settings that `ringgate doctor` compares with.
COPY config config
COPY tuning tuning
# Function names stay in the binary, for backtraces and profiles; line tables are most of its size and go.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin ringgate && cp target/release/ringgate /ringgate

# The binary needs glibc and libgcc_s, and nothing else: this is the smallest base that has them and is kept up to date,
# with neither shell nor package manager. Linked statically against musl it would fit into an empty image, but would
# trade glibc's allocator for one that is slower on several threads.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Ringgate" \
    org.opencontainers.image.description="An HTTP API gateway: one pinned io_uring event loop per CPU core" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /ringgate /ringgate
# Something to see at once; a real configuration is mounted over /etc/ringgate.
COPY tuning/container.yaml /etc/ringgate/gateway.yaml
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
# Clients; the operator's listener.
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/ringgate", "health", "--config", "/etc/ringgate/gateway.yaml"]
ENTRYPOINT ["/ringgate"]
CMD ["run", "/etc/ringgate/gateway.yaml"]
