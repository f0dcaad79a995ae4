{{- define "gateway.name" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "gateway.labels" -}}
app.kubernetes.io/name: gateway
app.kubernetes.io/instance: {{ include "gateway.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sluice
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What selects the pods of one component; never changes.  (list . component) */}}
{{- define "gateway.selector" -}}
app.kubernetes.io/name: gateway
app.kubernetes.io/instance: {{ include "gateway.name" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "gateway.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default (index . 0).Chart.AppVersion $image.tag }}
{{- end }}
{{- end }}

{{- define "gateway.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "gateway.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where the counters are; nothing where they are in memory. */}}
{{- define "gateway.redisEnv" -}}
{{- if .Values.redis.enabled }}
- name: SLUICE_REDIS_URL
  value: redis://{{ include "gateway.name" . }}-redis:6379/0
{{- else if .Values.redis.url }}
- name: SLUICE_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ include "gateway.name" . }}-redis, key: url}}
{{- else if .Values.redis.existingSecret.name }}
- name: SLUICE_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.existingSecret.name }}, key: {{ .Values.redis.existingSecret.key }}}}
{{- end }}
{{- end }}

{{/* Environment the chart's values add to a program.  (list . values-of-the-component) */}}
{{- define "gateway.moreEnv" -}}
{{ include "gateway.redisEnv" (index . 0) }}
{{- with (index . 1).extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A changed Redis URL restarts the pods.  (list . values-of-the-component) */}}
{{- define "gateway.podAnnotations" -}}
{{- with (index . 0).Values.redis.url }}
checksum/redis-url: {{ sha256sum . }}
{{- end }}
{{- with (index . 1).podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "gateway.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "gateway.check" -}}
{{- $redis := .Values.redis -}}
{{- $sources := compact (list (ternary "redis.enabled" "" $redis.enabled) (ternary "redis.url" "" (ne $redis.url "")) (ternary "redis.existingSecret" "" (ne $redis.existingSecret.name ""))) -}}
{{- if gt (len $sources) 1 }}
{{- fail (printf "set only one of %s: counters live in one Redis" (join ", " $sources)) }}
{{- end }}
{{- $autoscaling := .Values.dataplane.autoscaling -}}
{{- $most := ternary $autoscaling.maxReplicas .Values.dataplane.replicas $autoscaling.enabled -}}
{{- if and (eq (len $sources) 0) (gt (int $most) 1) }}
{{- fail (printf "%d data plane replicas without Redis would each grant the whole limit and budget: set redis.url, redis.existingSecret or redis.enabled, or run one replica" (int $most)) }}
{{- end }}
{{- end }}

{{/* The objects a snapshot consists of; sluice_contract names them. */}}
{{- define "gateway.snapshotConfigMaps" -}}
{{- $name := include "gateway.name" . -}}
- {{ $name }}-snapshot-index
- {{ $name }}-snapshot-models
- {{ $name }}-snapshot-budgets
{{- end }}

{{- define "gateway.snapshotSecrets" -}}
{{- $name := include "gateway.name" . -}}
- {{ $name }}-snapshot-credentials
{{- range until 16 }}
- {{ $name }}-snapshot-keys-{{ printf "%02d" . }}
{{- end }}
{{- end }}
