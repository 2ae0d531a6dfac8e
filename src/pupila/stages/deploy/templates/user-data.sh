#!/bin/bash
# Runs once, on the first start of an instance. Its output: journalctl --unit cloud-final
set -euo pipefail

dnf install --assumeyes docker

# The service writes its log of predictions there, as user 10001 of the image.
install --directory --owner 10001 --group 10001 --mode 700 /var/lib/pupila

# The tokens and the login to the registry are in memory, never on the disk.
cat > /etc/tmpfiles.d/pupila.conf <<'FILE'
d /run/pupila 0755 root root
d /run/pupila/secrets 0755 root root
FILE
systemd-tmpfiles --create /etc/tmpfiles.d/pupila.conf

# Tokens that were changed or revoked in Secrets Manager are in force within five minutes: the service reads the file
# again. A secret that can't be read leaves the tokens as they are.
cat > /usr/local/sbin/pupila-tokens <<'FILE'
#!/bin/bash
set -euo pipefail
umask 077
aws secretsmanager get-secret-value --region ${AWS::Region} --secret-id ${TokensSecret} \
  --query SecretString --output text > /run/pupila/tokens.new
chown 10001:10001 /run/pupila/tokens.new
mv /run/pupila/tokens.new /run/pupila/secrets/tokens.json
FILE

# The predictions of this instance. A full file gets another number with each rotation, and is deleted after five: it is
# copied under a name that stays, the time of its last line and its inode. Nothing is deleted in the bucket.
cat > /usr/local/sbin/pupila-predictions <<'FILE'
#!/bin/bash
set -euo pipefail
log=$1
to="s3://${PredictionsBucket}/predictions/$(cat /var/lib/cloud/data/instance-id)"
full=$(mktemp --directory "$log.full.XXXX")
trap 'rm -r "$full"' EXIT
for file in "$log"/*.jsonl.[1-5]; do
  ln "$file" "$full/new" 2>/dev/null || continue # none, or renamed meanwhile
  mv "$full/new" "$full/$(basename "$file" | cut -d. -f1)-$(stat --format %Y-%i "$full/new").jsonl"
done
aws s3 sync --region ${AWS::Region} --no-progress "$full" "$to"
aws s3 sync --region ${AWS::Region} --no-progress --exclude '*.lock' --exclude '*.jsonl.[1-5]' "$log" "$to"
FILE

cat > /usr/local/sbin/pupila-image <<'FILE'
#!/bin/bash
set -euo pipefail
aws ecr get-login-password --region ${AWS::Region} |
  docker login --username AWS --password-stdin ${Repository.RepositoryUri}
docker pull --quiet ${Repository.RepositoryUri}:${ImageTag}
FILE
chmod 755 /usr/local/sbin/pupila-*

# The lines of the container go to CloudWatch alone, by docker's log driver, and not to the journal as well.
cat > /etc/systemd/system/pupila.service <<'FILE'
[Unit]
Description=Pupila ${AWS::StackName}
After=docker.service network-online.target
Wants=network-online.target
Requires=docker.service
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=5
TimeoutStartSec=600
TimeoutStopSec=<<unit_seconds>>
Environment=DOCKER_CONFIG=/run/pupila
StandardOutput=null
ExecStartPre=/usr/local/sbin/pupila-tokens
ExecStartPre=/usr/local/sbin/pupila-image
ExecStartPre=-/usr/bin/docker rm --force pupila
ExecStart=/usr/bin/docker run --name pupila --rm --init \
  --read-only --tmpfs /tmp:size=4g,mode=1777 --cap-drop ALL --security-opt no-new-privileges --pids-limit 512 \
  --user 10001:10001 --publish <<port>>:<<port>> --stop-timeout <<stop_seconds>> \
  --env AWS_DEFAULT_REGION=${AWS::Region} \
  --volume /run/pupila/secrets:/run/secrets:ro --volume /var/lib/pupila:/var/lib/pupila \
  --log-driver awslogs --log-opt awslogs-region=${AWS::Region} --log-opt awslogs-group=${LogGroup} \
  --log-opt awslogs-format=json/emf \
  ${Repository.RepositoryUri}:${ImageTag} \
  '${ModelAddress}' ${Sha256Arguments} --host 0.0.0.0 --port <<port>> --tokens /run/secrets/tokens.json \
  --trusted-proxy ${VpcCidr} --log-folder - --emf <<name>> --drain-seconds <<drain_seconds>> \
  --log-predictions /var/lib/pupila
ExecStop=/usr/bin/docker stop --time <<stop_seconds>> pupila

[Install]
WantedBy=multi-user.target
FILE

# Started before the service, so stopped after it: the last predictions of an instance that ends are copied.
cat > /etc/systemd/system/pupila-last-predictions.service <<'FILE'
[Unit]
Description=Copies the predictions when the instance stops
After=network-online.target
Before=pupila.service docker.service
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/true
ExecStop=/usr/local/sbin/pupila-predictions /var/lib/pupila

[Install]
WantedBy=multi-user.target
FILE

cat > /etc/systemd/system/pupila-copies.service <<'FILE'
[Unit]
Description=Fetches the tokens and copies the predictions

[Service]
Type=oneshot
ExecStart=-/usr/local/sbin/pupila-tokens
ExecStart=/usr/local/sbin/pupila-predictions /var/lib/pupila
FILE

cat > /etc/systemd/system/pupila-copies.timer <<'FILE'
[Timer]
OnActiveSec=5min
OnUnitActiveSec=5min

[Install]
WantedBy=timers.target
FILE

systemctl daemon-reload
systemctl enable --now docker.service
systemctl enable --now pupila-last-predictions.service pupila-copies.timer
systemctl enable --now --no-block pupila.service
