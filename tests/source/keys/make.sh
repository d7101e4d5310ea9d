#!/bin/sh
# Makes every key and certificate of this folder anew.
set -eu
cd "$(dirname "$0")"
rm -f -- *.pem
# Private keys: PKCS #8, the same one as PKCS #1, locked with a password, and one that is not RSA.
for name in merchant platform unionpay stranger authority; do
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$name.pem"
done
openssl rsa -in merchant.pem -traditional -out merchant_pkcs1.pem
openssl pkey -in merchant.pem -aes-256-cbc -passout pass:locked -out merchant_locked.pem
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out elliptic.pem
# Public keys.
openssl pkey -in merchant.pem -pubout -out merchant_public.pem
openssl pkey -in platform.pem -pubout -out platform_public.pem
openssl rsa -in platform.pem -RSAPublicKey_out -out platform_public_pkcs1.pem
openssl pkey -in elliptic.pem -pubout -out elliptic_public.pem
# Certificates: the platform's own, an authority, one it issued for UnionPay, one for somebody else, one that has
# expired, and one of a stranger who says the same of itself.
bank="/C=CN/CN=041@8310000000083040@中国银联股份有限公司@00016493"
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
cat >"$scratch/ca.cnf" <<END
[ca]
default_ca = here
[here]
new_certs_dir = $scratch
database = $scratch/index
serial = $scratch/serial
default_md = sha256
unique_subject = no
policy = any
[any]
countryName = optional
commonName = supplied
END
certificate() { # name, key, subject, serial, issuer, first year, last year
    : >"$scratch/index"
    echo "$4" >"$scratch/serial"
    openssl req -new -utf8 -key "$2.pem" -subj "$3" -out "$scratch/request"
    issuer="-cert $5_certificate.pem"
    [ "$1" != "$5" ] || issuer=-selfsign
    # shellcheck disable=SC2086
    openssl ca -batch -notext -utf8 -config "$scratch/ca.cnf" -in "$scratch/request" -keyfile "$5.pem" $issuer \
        -startdate "$6"0101000000Z -enddate "$7"1231000000Z -out "$1_certificate.pem" 2>/dev/null
}
certificate platform platform "/CN=Tenpay.com sign" 00AB12CD34EF5678 platform 2020 2099
certificate authority authority "/CN=An authority" 01 authority 2020 2099
certificate unionpay unionpay "$bank" 02 authority 2020 2099
certificate merchant merchant "/CN=041@1@A merchant@2" 03 authority 2020 2099
certificate expired unionpay "$bank" 04 authority 2020 2020
certificate stranger stranger "/CN=An authority" 05 stranger 2020 2099
certificate forged stranger "$bank" 06 stranger 2020 2099
