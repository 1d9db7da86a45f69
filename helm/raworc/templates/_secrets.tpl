{{/*
Data of a Secret: what it has already, else what is made up now, and the same for everybody who asks during one
rendering; takes (list $ "name" (dict "key" "new value")).
*/}}
{{- define "raworc.secretData" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- if not (hasKey $root.Values "secretData") }}{{ $_ := set $root.Values "secretData" dict }}{{ end -}}
{{- if not (hasKey $root.Values.secretData $name) -}}
{{- $there := (lookup "v1" "Secret" $root.Release.Namespace $name | default dict).data -}}
{{- $new := dict -}}
{{- range $key, $value := index . 2 }}{{ $_ := set $new $key ($value | b64enc) }}{{ end -}}
{{- $_ := set $root.Values.secretData $name ($there | default $new) -}}
{{- end -}}
{{- index $root.Values.secretData $name | toYaml -}}
{{- end -}}

{{- define "raworc.adminData" -}}
{{- include "raworc.secretData" (list . (include "raworc.adminSecret" .) (dict "password" (randAlphaNum 24))) -}}
{{- end -}}

{{- define "raworc.jwtData" -}}
{{- include "raworc.secretData" (list . (include "raworc.jwtSecret" .) (dict "k1" (randAlphaNum 48))) -}}
{{- end -}}

{{- define "raworc.mysqlData" -}}
{{- $new := dict "root-password" (randAlphaNum 32) "password" (randAlphaNum 32) -}}
{{- include "raworc.secretData" (list . (include "raworc.mysqlSecret" .) $new) -}}
{{- end -}}

{{/*
One account of the bundled registry; takes (list $ "push"). Its password stays; the host that it is for follows the values.
*/}}
{{- define "raworc.registryData" -}}
{{- $root := index . 0 -}}
{{- $use := index . 1 -}}
{{- $host := ternary (include "raworc.registryPush" $root) (include "raworc.registryPull" $root) (eq $use "push") -}}
{{- $password := randAlphaNum 32 -}}
{{- $auths := dict $host (dict "auth" (printf "%s:%s" $use $password | b64enc)) -}}
{{- $new := dict ".dockerconfigjson" (dict "auths" $auths | toJson) "htpasswd" (htpasswd $use $password) -}}
{{- $name := printf "%s-registry-%s" (include "raworc.fullname" $root) $use -}}
{{- $data := include "raworc.secretData" (list $root $name $new) | fromYaml -}}
{{- $known := index $data ".dockerconfigjson" | b64dec | fromJson -}}
{{- $moved := dict "auths" (dict $host (index (values $known.auths) 0)) | toJson | b64enc -}}
{{- set $data ".dockerconfigjson" $moved | toYaml -}}
{{- end -}}
