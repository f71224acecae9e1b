{{/* What the schema cannot say: values that contradict one another. */}}
{{- define "parley.checks" -}}
{{- $parts := include "parley.parts" . | fromJsonArray }}
{{- if and (has "desk" $parts) (not (has "moderation" $parts)) }}
{{- fail "desk.enabled: the desk is that of moderation; with moderation.enabled=false set desk.enabled=false" }}
{{- end }}
{{- if gt .Values.edge.reconnectSpreadSeconds .Values.edge.drainSeconds }}
{{- fail "edge.reconnectSpreadSeconds: clients cannot be told to come back after edge.drainSeconds" }}
{{- end }}
{{- if and (eq .Values.bus.engine "nats") (not .Values.bus.nats.url) }}
{{- fail "bus.nats.url: the engine nats needs the address of NATS" }}
{{- end }}
{{- if and (ne .Values.bus.engine "nats") .Values.bus.nats.url }}
{{- fail "bus.nats.url: is given, and bus.engine is not nats" }}
{{- end }}
{{- range $name := $parts }}
{{- $part := index $.Values $name }}
{{- with $part.autoscaling }}
{{- if gt .minReplicas .maxReplicas }}
{{- fail (printf "%s.autoscaling: minReplicas is more than maxReplicas" $name) }}
{{- end }}
{{- end }}
{{- with $part.database }}
{{- if not (or .url .existingSecret) }}
{{- fail (printf "%s.database: give url, or existingSecret with the address at urlKey" $name) }}
{{- end }}
{{- if and .passwordKey (not .existingSecret) }}
{{- fail (printf "%s.database: passwordKey is one of existingSecret, which is not given" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
