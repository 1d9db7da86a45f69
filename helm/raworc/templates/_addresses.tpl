{{/* Where the parts find each other, and the choice between what is bundled and what is not. */}}

{{- define "raworc.apiUrl" -}}
{{- $port := int .Values.api.service.port -}}
http://{{ include "raworc.fullname" . }}-api.{{ .Release.Namespace }}.svc{{ if ne $port 80 }}:{{ $port }}{{ end }}
{{- end -}}

{{/* Where the hosts in session pods reach the API. */}}
{{- define "raworc.hostsUrl" -}}
http{{ if .Values.api.hosts.tls.secretName }}s{{ end }}://{{ include "raworc.fullname" . }}-api-hosts.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* The Secret with the authorities of the hosts' port; empty where hosts trust the usual ones. */}}
{{- define "raworc.hostsAuthorities" -}}
{{- $tls := .Values.api.hosts.tls -}}
{{- if and $tls.authoritiesSecretRef.name (not $tls.secretName) }}{{ fail "api.hosts.tls.secretName must be set when api.hosts.tls.authoritiesSecretRef.name is set" }}{{ end -}}
{{- if $tls.secretName }}{{ $tls.authoritiesSecretRef.name | default $tls.secretName }}{{ end -}}
{{- end -}}

{{- define "raworc.adminSecret" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "raworc.fullname" .)) -}}
{{- end -}}

{{- define "raworc.jwtSecret" -}}
{{- .Values.jwt.existingSecret | default (printf "%s-jwt" (include "raworc.fullname" .)) -}}
{{- end -}}

{{- define "raworc.mysqlSecret" -}}
{{- .Values.mysql.existingSecret | default (printf "%s-mysql" (include "raworc.fullname" .)) -}}
{{- end -}}

{{/* The database, as environment of the API server. */}}
{{- define "raworc.database" -}}
{{- $external := .Values.externalDatabase -}}
- name: RAWORC_DATABASE_HOST
  {{- if .Values.mysql.enabled }}
  {{- if $external.host }}{{ fail "externalDatabase.host must be empty when mysql.enabled is true" }}{{ end }}
  value: {{ include "raworc.fullname" . }}-mysql.{{ .Release.Namespace }}.svc
  {{- else }}
  value: {{ required "externalDatabase.host must be set when mysql.enabled is false" $external.host }}
  {{- end }}
- name: RAWORC_DATABASE_PORT
  value: {{ ternary 3306 $external.port .Values.mysql.enabled | int | quote }}
- name: RAWORC_DATABASE_NAME
  value: {{ ternary "raworc" $external.name .Values.mysql.enabled }}
- name: RAWORC_DATABASE_USER
  value: {{ ternary "raworc" $external.user .Values.mysql.enabled | quote }}
- name: RAWORC_DATABASE_PASSWORD
  valueFrom:
    secretKeyRef:
      {{- if .Values.mysql.enabled }}
      name: {{ include "raworc.mysqlSecret" . }}
      key: password
      {{- else }}
      name: {{ required "externalDatabase.passwordSecretRef.name must be set when mysql.enabled is false" $external.passwordSecretRef.name }}
      key: {{ $external.passwordSecretRef.key }}
      {{- end }}
{{- $tls := $external.tls -}}
{{- if and (or $tls.authoritiesSecretRef.name $tls.clientSecret) (not $tls.enabled) }}{{ fail "externalDatabase.tls.enabled must be true when its Secrets are set" }}{{ end -}}
{{- if $tls.enabled }}
{{- if .Values.mysql.enabled }}{{ fail "externalDatabase.tls.enabled must be false when mysql.enabled is true" }}{{ end }}
- name: RAWORC_DATABASE_TLS
  value: "true"
{{- if $tls.authoritiesSecretRef.name }}
- name: RAWORC_DATABASE_AUTHORITIES
  value: /etc/raworc/database/authorities/ca.crt
{{- end }}
{{- if $tls.clientSecret }}
- name: RAWORC_DATABASE_CLIENT_DIR
  value: /etc/raworc/database/client
{{- end }}
{{- end }}
{{- end -}}

{{/* The files of the database's TLS, as mounts and as volumes of the API server. */}}
{{- define "raworc.databaseMounts" -}}
{{- if .Values.externalDatabase.tls.authoritiesSecretRef.name }}
- name: database-authorities
  mountPath: /etc/raworc/database/authorities
  readOnly: true
{{- end }}
{{- if .Values.externalDatabase.tls.clientSecret }}
- name: database-client
  mountPath: /etc/raworc/database/client
  readOnly: true
{{- end }}
{{- end -}}

{{- define "raworc.databaseVolumes" -}}
{{- with .Values.externalDatabase.tls.authoritiesSecretRef }}
{{- if .name }}
- name: database-authorities
  secret:
    secretName: {{ .name }}
    items:
      - key: {{ .key }}
        path: ca.crt
{{- end }}
{{- end }}
{{- with .Values.externalDatabase.tls.clientSecret }}
- name: database-client
  secret:
    secretName: {{ . }}
    items:
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
{{- end }}
{{- end -}}

{{/* Where builds push to the bundled registry, and where nodes pull from it. */}}
{{- define "raworc.registryPush" -}}
{{ include "raworc.fullname" . }}-registry.{{ .Release.Namespace }}.svc:5000
{{- end -}}
{{- define "raworc.registryPull" -}}
localhost:{{ .Values.registry.nodePort }}
{{- end -}}

{{/* One of the two servers of the bundled registry; takes (list $ "push" port). */}}
{{- define "raworc.registryConfig" -}}
{{- $use := index . 1 -}}
version: 0.1
# Probes and pulls would fill the log.
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  # What the other server, or the collection, deleted must not be remembered: there is no cache.
  delete: {enabled: {{ eq $use "push" }}}
  {{- if eq $use "pull" }}
  maintenance: {readonly: {enabled: true}, uploadpurging: {enabled: false}}
  {{- end }}
http:
  addr: ":{{ index . 2 }}"
  draintimeout: 20s
auth:
  htpasswd: {realm: raworc, path: /etc/raworc/accounts/{{ $use }}/htpasswd}
{{- end -}}

{{/* The registry, as environment of the operator. */}}
{{- define "raworc.registry" -}}
{{- $external := .Values.externalRegistry -}}
{{- if .Values.registry.enabled -}}
{{- if $external.pushAddress }}{{ fail "externalRegistry.pushAddress must be empty when registry.enabled is true" }}{{ end -}}
- name: RAWORC_REGISTRY_PUSH
  value: {{ include "raworc.registryPush" . }}
- name: RAWORC_REGISTRY_PULL
  value: {{ include "raworc.registryPull" . }}
- name: RAWORC_REGISTRY_INSECURE
  value: "true"
{{- else -}}
{{- $push := required "externalRegistry.pushAddress must be set when registry.enabled is false" $external.pushAddress -}}
- name: RAWORC_REGISTRY_PUSH
  value: {{ $push }}
- name: RAWORC_REGISTRY_PULL
  value: {{ $external.pullAddress | default $push }}
- name: RAWORC_REGISTRY_INSECURE
  value: {{ $external.insecure | quote }}
{{- end -}}
{{- range $use, $_ := include "raworc.registryAccounts" . | fromYaml }}
- name: RAWORC_REGISTRY_{{ upper $use }}_ACCOUNT
  value: /etc/raworc/registry/{{ $use }}/config.json
{{- end -}}
{{- end -}}

{{/* Whom Git is asked of and by which authorities, as environment of the operator and of its sources. */}}
{{- define "raworc.sources" -}}
- name: RAWORC_INTERNAL_GIT_HOSTS
  value: {{ join "," .Values.builds.internalGitHosts | quote }}
{{- if include "raworc.caConfigMap" . }}
- name: RAWORC_CA_BUNDLE
  value: /etc/raworc/ca/ca.crt
{{- end }}
{{- end -}}

{{/* How the kubelet sees that the sources answer, which they do on loopback alone. */}}
{{- define "raworc.sourcesProbe" -}}
exec:
  command:
    - bash
    - -c
    - |-
      exec 3<>/dev/tcp/127.0.0.1/8083
      printf 'GET /health HTTP/1.0\r\n\r\n' >&3
      read -r answer <&3
      [[ $answer == *' 200 '* ]]
{{- end -}}

{{/* The Secrets with accounts of the registry, by their use: push, pull. */}}
{{- define "raworc.registryAccounts" -}}
{{- $external := .Values.externalRegistry -}}
{{- if and $external.pushSecret $external.insecure }}{{ fail "externalRegistry.insecure must be false when externalRegistry.pushSecret is set" }}{{ end -}}
{{- range $use, $secret := dict "push" $external.pushSecret "pull" $external.pullSecret }}
{{- if $secret }}
{{- if $.Values.registry.enabled }}{{ fail (printf "externalRegistry.%sSecret must be empty when registry.enabled is true" $use) }}{{ end }}
{{ $use }}: {{ $secret }}
{{- else if $.Values.registry.enabled }}
{{ $use }}: {{ include "raworc.fullname" $ }}-registry-{{ $use }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Name of the ConfigMap with the certificates that builds trust; empty when there is none. */}}
{{- define "raworc.caConfigMap" -}}
{{- $ref := .Values.builds.caBundleConfigMapRef.name -}}
{{- if and .Values.builds.caBundle $ref }}{{ fail "builds.caBundle must be empty when builds.caBundleConfigMapRef.name is set" }}{{ end -}}
{{- if .Values.builds.caBundle }}{{ include "raworc.fullname" . }}-ca{{ else }}{{ $ref }}{{ end -}}
{{- end -}}
