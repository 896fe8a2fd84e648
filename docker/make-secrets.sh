#!/bin/sh
# Makes the secrets of docker-compose.yml in ./secrets; existing ones stay as they are.
#
# The directory keeps other users of this machine out. The files in it are readable, because the container's user,
# which is not theirs, reads them through a bind mount that keeps their mode.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
printf '*\n' > secrets/.gitignore

random() { # 256 bits in hexadecimal: a URL takes it as it is
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}
keep() { # name, text
    if [ ! -e "secrets/$1" ]; then
        printf '%s\n' "$2" > "secrets/$1.new"
        chmod 0444 "secrets/$1.new"
        mv "secrets/$1.new" "secrets/$1"
        echo "made secrets/$1"
    fi
}

keep postgres_password "$(random)"
keep retail_context_key "$(random)"
keep grafana_password "$(random)"
keep retail_admin_database_url "postgresql://postgres:$(cat secrets/postgres_password)@db:5432/retail"
keep retail_database_url "postgresql://mcp_user:$(random)@db:5432/retail"
keep retail_auth_database_url "postgresql://mcp_auth:$(random)@db:5432/retail"
keep retail_audit_database_url "postgresql://mcp_audit:$(random)@db:5432/retail"
keep retail_embed_database_url "postgresql://mcp_embed:$(random)@db:5432/retail"
keep retail_sql_database_url "postgresql://mcp_sql:$(random)@db:5432/retail"
