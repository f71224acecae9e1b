{{/* Names, labels, and which parts there are. Helpers of one part take a dict of root and name. */}}

{{- define "parley.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "parley.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "parley.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "parley.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "parley.component" -}}
{{ include "parley.fullname" .root }}-{{ .name }}
{{- end }}

{{/* The parts that are deployed, as a list in JSON. */}}
{{- define "parley.parts" -}}
{{- $parts := list }}
{{- range list "messaging" "negotiation" "moderation" "edge" "desk" }}
{{- if dig "enabled" true (index $.Values .) }}
{{- $parts = append $parts . }}
{{- end }}
{{- end }}
{{- toJson $parts }}
{{- end }}

{{/* Whether a part is a service: with a database, called over gRPC. */}}
{{- define "parley.isService" -}}
{{- if has .name (list "messaging" "negotiation" "moderation") }}true{{ end }}
{{- end }}

{{/* Whom a part calls, as a list in JSON: of those, who is deployed. */}}
{{- define "parley.called" -}}
{{- $called := dict
  "edge" (list "messaging" "negotiation" "moderation")
  "desk" (list "moderation")
  "messaging" (list "negotiation" "moderation")
  "negotiation" (list "messaging" "moderation")
  "moderation" (list "messaging" "negotiation") }}
{{- $deployed := include "parley.parts" .root | fromJsonArray }}
{{- $found := list }}
{{- range index $called .name }}
{{- if has . $deployed }}
{{- $found = append $found . }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{/* The port on which a part is called. */}}
{{- define "parley.port" -}}
{{- index (dict "edge" "8080" "desk" "8090" "messaging" "7101" "negotiation" "7102" "moderation" "7103") .name }}
{{- end }}

{{- define "parley.metricsPort" -}}9090{{- end }}

{{- define "parley.host" -}}
{{ include "parley.component" . }}.{{ .root.Release.Namespace }}.svc.{{ .root.Values.clusterDomain }}
{{- end }}

{{- define "parley.selector" -}}
app.kubernetes.io/name: {{ include "parley.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "parley.commonLabels" -}}
app.kubernetes.io/name: {{ include "parley.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: parley
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "parley.labels" -}}
{{ include "parley.commonLabels" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "parley.image" -}}
{{- $part := index .root.Values .name }}
{{- $image := .root.Values.image }}
{{- $tag := default (default .root.Chart.AppVersion $image.tag) $part.image.tag }}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ $part.image.repository }}:{{ $tag }}
{{- end }}

{{/* What is said of all pods, with what the part says itself before it, as YAML. */}}
{{- define "parley.pod" -}}
{{- $part := index .root.Values .name }}
{{- mergeOverwrite (deepCopy .root.Values.pod) $part.pod | toYaml }}
{{- end }}

{{/* A value as text. Numbers of values are floats, which Go would write as 1e+06. */}}
{{- define "parley.text" -}}
{{- if kindIs "float64" . }}
{{- if eq . (floor .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- else }}
{{- . }}
{{- end }}
{{- end }}
