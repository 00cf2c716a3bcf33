# The binary and nothing else. Build it in the repository's folder:  docker build -t damson .
# Run a node with its data kept in a volume:
#   docker run --rm --network host -v damson:/data damson run --chain /data/chain.json --data-path /data
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /damson ./cmd/damson \
    && mkdir -m 0700 /data && mkdir -m 1777 /scratch

FROM scratch
COPY --from=build /damson /damson
COPY --from=build /src/LICENSE /src/docs/LICENSES.md /
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build /scratch /tmp
USER 65532:65532
ENV HOME=/data
VOLUME /data
# Peers (QUIC), requests (JIP-2), metrics where --metrics says so.
EXPOSE 40000/udp 19800/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/damson"]
CMD ["--help"]
