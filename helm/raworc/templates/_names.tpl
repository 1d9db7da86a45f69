{{/* Names and labels: every object is called <fullname>-<part> and found by the labels of its part. */}}

{{- define "raworc.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{- define "raworc.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "raworc.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "raworc.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Start of the namespaces of spaces, which an upgrade must not change: sessions and volumes would stay behind. */}}
{{- define "raworc.namespacePrefix" -}}
{{- $prefix := .Values.namespacePrefix -}}
{{- $operator := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-operator" (include "raworc.fullname" .)) -}}
{{- range dig "spec" "template" "spec" "containers" list $operator -}}
{{- range .env -}}
{{- if and (eq .name "RAWORC_NAMESPACE_PREFIX") (ne .value $prefix) -}}
{{- fail (printf "namespacePrefix must stay '%s': the spaces of this release are in namespaces of that name" .value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $prefix -}}
{{- end -}}

{{/* Labels that never change, for selectors; takes (list $ "api"). */}}
{{- define "raworc.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "raworc.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object; takes (list $ "api"). */}}
{{- define "raworc.labels" -}}
{{- $root := index . 0 -}}
{{ include "raworc.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: raworc
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Metadata of an object; takes (list $ "api" "suffix"), the suffix being the part where it is left out. */}}
{{- define "raworc.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "raworc.fullname" $root }}-{{ last . }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "raworc.labels" . | nindent 2 }}
{{- end -}}

{{/* Name of the service account of a part that asks the Kubernetes API; takes (list $ "api"). */}}
{{- define "raworc.serviceAccountName" -}}
{{- $root := index . 0 -}}
{{- $account := (index $root.Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (printf "%s-%s" (include "raworc.fullname" $root) (index . 1)) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* Reference to an image; takes (list $ image): a missing tag is that of Raworc's own image. */}}
{{- define "raworc.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- printf "%s:%s" $image.repository ($image.tag | default $root.Values.image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
