{{/* Rules of network policies, and what the operator is told to make those of spaces from. */}}

{{- define "raworc.networks" -}}
{{- $networks := .Values.networks -}}
{{- $ranges := concat $networks.dns.ranges $networks.privateRanges $networks.clusterRanges -}}
{{- range concat $networks.egress .Values.builds.egress }}{{ with .cidr }}{{ $ranges = append $ranges . }}{{ end }}{{ end -}}
{{- range $ranges }}{{ include "raworc.checkRange" . }}{{ end -}}
dns:
  namespace: {{ $networks.dns.namespace | quote }}
  labels:
    {{- include "raworc.dnsLabels" . | nindent 4 }}
  ranges: {{ toJson $networks.dns.ranges }}
hosts:
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "raworc.selector" (list . "api") | nindent 4 }}
  port: 8081
{{- if .Values.registry.enabled }}
registry:
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "raworc.selector" (list . "registry") | nindent 4 }}
  port: 5000
{{- end }}
privateRanges: {{ toJson $networks.privateRanges }}
clusterRanges: {{ toJson $networks.clusterRanges }}
sessions:
  internet: {{ $networks.internet }}
  egress: {{ toJson $networks.egress }}
builds:
  internet: {{ .Values.builds.internet }}
  egress: {{ toJson .Values.builds.egress }}
{{- end -}}

{{/* Refuses a range of IPv4 with bits behind its prefix: the operator would not start with it. */}}
{{- define "raworc.checkRange" -}}
{{- if not (contains ":" .) -}}
{{- $parts := splitList "/" . -}}
{{- $address := 0 -}}
{{- range splitList "." (first $parts) }}{{ $address = add (mul $address 256) (int .) }}{{ end -}}
{{- $size := 1 -}}
{{- range until (int (sub 32 (int (last $parts)))) }}{{ $size = mul $size 2 }}{{ end -}}
{{- if mod $address $size }}{{ fail (printf "%s must be a network in its shortest form, such as 10.1.0.0/16" .) }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "raworc.dnsLabels" -}}
{{- .Values.networks.dns.podLabels | default (dict "k8s-app" "kube-dns") | toYaml -}}
{{- end -}}

{{- define "raworc.dnsRule" -}}
{{- $dns := .Values.networks.dns -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $dns.namespace | quote }}
      podSelector:
        matchLabels:
          {{- include "raworc.dnsLabels" . | nindent 10 }}
    {{- range $dns.ranges }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{- define "raworc.kubernetesApiRule" -}}
{{- $api := .Values.networks.kubernetesApi -}}
- ports:
    {{- range $api.ports }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with $api.ranges }}
  to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  {{- end }}
{{- end -}}

{{- define "raworc.internetRule" -}}
{{- $closed := concat .Values.networks.privateRanges .Values.networks.clusterRanges | uniq -}}
{{- $four := list -}}
{{- $six := list -}}
{{- range $closed }}
{{- if contains ":" . }}{{ $six = append $six . }}{{ else }}{{ $four = append $four . }}{{ end }}
{{- end -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: {{ toJson $four }}
    - ipBlock:
        cidr: "::/0"
        except: {{ toJson $six }}
{{- end -}}

{{- define "raworc.openingRules" -}}
{{- range . }}
- to:
    {{- if .cidr }}
    - ipBlock:
        cidr: {{ .cidr | quote }}
    {{- else }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace | quote }}
    {{- end }}
  {{- with .ports }}
  ports:
    {{- range . }}
    - {protocol: UDP, port: {{ int . }}}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- end }}
{{- end }}
{{- end -}}
