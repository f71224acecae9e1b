{{/* The environment of each part. What is secret is a file, but for the address of a database in a Secret. */}}

{{- define "parley.environment" -}}
{{- $part := index .root.Values .name }}
{{- $prefix := printf "PARLEY_%s_" (upper .name) }}
{{- $called := include "parley.called" . | fromJsonArray }}
{{- $set := dict }}
{{- if include "parley.isService" . }}
{{- $_ := set $set "LISTEN" (printf "0.0.0.0:%s" (include "parley.port" .)) }}
{{- if include "parley.showsCredentials" . }}
{{- $_ := set $set "CREDENTIALS_FILE" (printf "/run/parley/credentials/%s" $part.credentials.acceptedKey) }}
{{- range $called }}
{{- $_ := set $set (printf "%s_CREDENTIAL_FILE" (upper .)) (printf "/run/parley/credentials/%s" $part.credentials.credentialKey) }}
{{- end }}
{{- end }}
{{- $_ := set $set "GRACE_SECONDS" $part.graceSeconds }}
{{- with $part.database.passwordKey }}
{{- $_ := set $set "DATABASE_PASSWORD_FILE" (printf "/run/parley/database/%s" .) }}
{{- end }}
{{- $set = merge $set (include "parley.bus" .root | fromYaml) }}
{{- else }}
{{- $_ := set $set "HOST" "0.0.0.0" }}
{{- $_ := set $set "PORT" (include "parley.port" .) }}
{{- if include "parley.showsCredentials" . }}
{{- $_ := set $set "CREDENTIAL_FILE" (printf "/run/parley/credentials/%s" $part.credentials.credentialKey) }}
{{- end }}
{{- $_ := set $set "DRAIN_SECONDS" $part.drainSeconds }}
{{- with $part.reconnectSpreadSeconds }}
{{- $_ := set $set "RECONNECT_SPREAD_SECONDS" . }}
{{- end }}
{{- end }}
{{- $_ := set $set "METRICS_HOST" "0.0.0.0" }}
{{- $_ := set $set "METRICS_PORT" (include "parley.metricsPort" .) }}
{{- $root := .root }}
{{- range $called }}
{{- $other := dict "root" $root "name" . }}
{{- $_ := set $set (printf "%s_TARGET" (upper .)) (printf "dns:///%s:%s" (include "parley.host" $other) (include "parley.port" $other)) }}
{{- end }}
{{- if include "parley.verifiesTokens" . }}
{{- $set = merge $set (include "parley.tokens" .root | fromYaml) }}
{{- end }}
{{- $set = merge $set (include "parley.tls" . | fromYaml) (include "parley.traces" . | fromYaml) }}
{{- $set = mergeOverwrite $set $part.settings }}
{{- range $name, $value := $set }}
- name: {{ $prefix }}{{ $name }}
  value: {{ include "parley.text" $value | quote }}
{{- end }}
{{- with $part.database }}
- name: {{ $prefix }}DATABASE_URL
{{- if .url }}
  value: {{ .url | quote }}
{{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .urlKey }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whom tokens are shown to. */}}
{{- define "parley.verifiesTokens" -}}
{{- if has .name (list "edge" "desk" "moderation") }}true{{ end }}
{{- end }}

{{- define "parley.tokens" -}}
{{- with .Values.tokens }}
{{- $files := list }}
{{- range .keys }}
{{- $files = append $files (printf "/run/parley/tokens/%s" .) }}
{{- end }}
{{- if eq .source "secret" }}
TOKEN_SECRET_FILE: {{ join "," $files | quote }}
{{- else if eq .source "publicKey" }}
TOKEN_PUBLIC_KEY_FILE: {{ join "," $files | quote }}
{{- else }}
TOKEN_JWKS_URL: {{ .jwksUrl | quote }}
{{- end }}
{{- with .algorithms }}
TOKEN_ALGORITHMS: {{ join "," . | quote }}
{{- end }}
{{- with .issuer }}
TOKEN_ISSUER: {{ . | quote }}
{{- end }}
{{- with .audience }}
TOKEN_AUDIENCE: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether a part has a credential. Without one, callers are known by their certificates alone; edges have one
     all the same, for with it they seal the cursors of their clients. */}}
{{- define "parley.showsCredentials" -}}
{{- $tls := .root.Values.tls }}
{{- if or (eq $tls.source "none") (ne $tls.callersKnownBy "certificate") (eq .name "edge") }}true{{ end }}
{{- end }}

{{- define "parley.tls" -}}
{{- $tls := .root.Values.tls }}
{{- if ne $tls.source "none" }}
TLS_CERTIFICATE_FILE: /run/parley/tls/tls.crt
TLS_KEY_FILE: /run/parley/tls/tls.key
TLS_CA_FILE: /run/parley/tls/ca.crt
{{- if include "parley.isService" . }}
TLS_CLIENT_CA_FILE: /run/parley/tls/ca.crt
CALLERS_KNOWN_BY: {{ $tls.callersKnownBy }}
{{- if ne $tls.callersKnownBy "credential" }}
{{- $peers := list (printf "spiffe://%s/parley/*" $tls.trustDomain) }}
TLS_ALLOWED_PEERS: {{ concat $peers $tls.peers | join "," | quote }}
{{- end }}
{{- end }}
{{- else if include "parley.isService" . }}
TRUSTED_NETWORK: true
{{- end }}
{{- end }}

{{- define "parley.bus" -}}
{{- with .Values.bus }}
BUS: {{ .engine }}
{{- if eq .engine "nats" }}
BUS_URL: {{ .nats.url | quote }}
{{- if .nats.existingSecret }}
BUS_PASSWORD_FILE: /run/parley/bus/{{ .nats.passwordKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.traces" -}}
{{- with .root.Values.traces.endpoint }}
TRACES_ENDPOINT: {{ . | quote }}
{{- /* Whoever people are connected to chooses. */}}
{{- if not (include "parley.isService" $) }}
TRACES_SAMPLE_RATE: {{ $.root.Values.traces.sampleRate }}
{{- end }}
{{- end }}
{{- end }}

{{/* Files of Secrets. None is mounted by subPath, so that a changed one comes in by itself. */}}
{{- define "parley.volumes" -}}
{{- $part := index .root.Values .name }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if include "parley.showsCredentials" . }}
- name: credentials
  secret:
    secretName: {{ $part.credentials.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if ne .root.Values.tls.source "none" }}
- name: tls
  secret:
    secretName: {{ $part.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if and (include "parley.isService" .) (eq .root.Values.bus.engine "nats") .root.Values.bus.nats.existingSecret }}
- name: bus
  secret:
    secretName: {{ .root.Values.bus.nats.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- with $part.database }}
{{- if .passwordKey }}
- name: database
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .passwordKey }}
        path: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- if and (include "parley.verifiesTokens" .) (ne .root.Values.tokens.source "jwks") }}
- name: tokens
  secret:
    secretName: {{ .root.Values.tokens.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "parley.volumeMounts" -}}
{{- range include "parley.volumes" . | fromYamlArray }}
- name: {{ .name }}
  mountPath: {{ if eq .name "tmp" }}/tmp{{ else }}/run/parley/{{ .name }}{{ end }}
{{- if ne .name "tmp" }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
