{{/* What the containers of all parts have in common. */}}

{{- define "parley.container" -}}
{{- $part := index .root.Values .name }}
image: {{ include "parley.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env: {{- include "parley.environment" . | trim | nindent 2 }}
volumeMounts: {{- include "parley.volumeMounts" . | trim | nindent 2 }}
resources: {{- toYaml $part.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* How long a pod may take to stop: the sleep, what the part takes, and what it takes to end after that. */}}
{{- define "parley.termination" -}}
{{- $part := index .root.Values .name }}
{{- $pod := include "parley.pod" . | fromYaml }}
{{- $drain := default 0 (coalesce $part.drainSeconds $part.graceSeconds) }}
{{- /* An edge cuts sockets off 5 s after closing them, a service whose database hangs ends 5 s after its grace. */ -}}
{{- add (ceil $pod.preStopSeconds) (ceil $drain) 15 }}
{{- end }}
